import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PredictResult } from '../contracts/serving.js';
import type { RunResult } from '../contracts/training-pipeline.js';
import { ingestSource } from '../ml/data/ingest/ingest-source.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { executable } from '../testing/servers.js';
import { flightsInFiles, sampleFlights, writeFlights } from './flights-sample.js';
import { applyLoad } from './load.js';
import { eventually, TestStack } from './test-stack.js';

const flight = { origin: 'SFO', destination: 'LAX', distance: 337, date: '2001-06-15T17:30:00' };

interface ShownRun {
  readonly state: string;
  readonly modelDigest: string;
  readonly reason?: string;
  readonly trainings: readonly { readonly progress?: { readonly step: number; readonly totalSteps: number } }[];
}

/** The whole system on a sample of the real flights, by the command and over HTTP, as a user meets it. */
describe('the main job', () => {
  let stack: TestStack;
  let source: string;
  let first: RunResult & { links: Record<string, string> };
  /** A pipeline that takes seconds; the sample is too small for the gates of the full data. */
  const quick = (): string[] => [
    '--set',
    `source.uri=${source}`,
    '--set',
    'expectations.minRows=1000',
    '--set',
    'expectations.minRowsPerClass=10',
    '--set',
    'gates=[{"metric":"auc","betterThan":"baseline","by":0.05}]',
    '--set',
    'sweep.rungs=[5,10]',
    '--set',
    'training.epochs=2',
    '--set',
    'training.batchSize=512',
  ];
  /** Long enough to be interrupted, the same in both runs that are compared. */
  const slower = (): string[] => [
    ...quick(),
    '--set',
    'sweep.trials=1',
    '--set',
    'training.epochs=25',
    '--set',
    'training.earlyStopping.patience=25',
  ];

  beforeAll(async () => {
    stack = await TestStack.create();
    source = await sampleFlights(stack.home);
    await stack.up();
    first = await stack.json('run', 'flight-delay', '--wait', ...quick());
  });
  afterAll(async () => {
    await stack?.remove();
  }, 60_000);

  it('ends promoted, with the metrics under their names', () => {
    expect(first).toMatchObject({ status: 'promoted', model: 'flight-delay', version: '1' });
    expect(first.metrics.test!.auc).toBeGreaterThan(0.6);
    expect(first.metrics.baseline!.auc).toBe(0.5);
    for (const name of ['auc', 'averagePrecision', 'logLoss', 'accuracy', 'macroF1', 'brier', 'ece'] as const)
      expect(first.metrics.test![name]).toEqual(expect.any(Number));
    expect(first.durationMs).toBeGreaterThan(0);
  });

  it('serves the promoted version over HTTP, by rows and by the Open Inference Protocol', async () => {
    const rows = await fetch(`${stack.url}/v1/models/flight-delay:predict`, {
      method: 'POST',
      body: JSON.stringify({ instances: [flight] }),
      headers: { 'content-type': 'application/json' },
    });
    const byRow = (await rows.json()) as PredictResult;
    expect(byRow.version).toBe('1');
    expect((await fetch(`${stack.url}/v2/health/ready`)).status).toBe(200);
    expect((await fetch(`${stack.url}/v2/models/flight-delay/versions/1/ready`)).status).toBe(200);
    const tensors = await fetch(`${stack.url}/v2/models/flight-delay/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        inputs: [
          { name: 'origin', datatype: 'BYTES', shape: [1, 1], data: [flight.origin] },
          { name: 'destination', datatype: 'BYTES', shape: [1, 1], data: [flight.destination] },
          { name: 'distance', datatype: 'INT64', shape: [1, 1], data: [flight.distance] },
          { name: 'date', datatype: 'INT64', shape: [1, 1], data: [Date.parse(`${flight.date}Z`)] },
        ],
      }),
    });
    const { outputs } = (await tensors.json()) as { outputs: { name: string; data: number[] }[] };
    const probabilities = outputs.find(({ name }) => name === 'probabilities')!.data;
    expect(probabilities[1]).toBeCloseTo(byRow.predictions[0].probability!, 5);
  });

  it('trains, promotes and serves a network that is defined beside the pipeline', async () => {
    const result = await stack.json<RunResult>('run', 'penguin-net', '--wait', '--set', 'crossValidation.folds=3');
    expect(result).toMatchObject({ status: 'promoted', model: 'penguin-net', version: '1' });
    const gentoo = { Island: 'Biscoe', 'Beak Length (mm)': 47, 'Beak Depth (mm)': 15, 'Flipper Length (mm)': 218, 'Body Mass (g)': 5200 };
    const answer = await stack.json<PredictResult>('predict', 'penguin-net', JSON.stringify({ ...gentoo, Sex: 'MALE' }));
    expect(answer.predictions[0].label).toBe('Gentoo');
  });

  it('predicts by the command', async () => {
    const answer = await stack.json<PredictResult>('predict', 'flight-delay', JSON.stringify(flight));
    expect(answer.predictions[0].label).toMatch(/^(on time|late)$/);
    const path = join(stack.home, 'few.csv');
    const lines = Array.from({ length: 2500 }, (_, i) => `SFO,LAX,${300 + (i % 100)},2001-06-15 17:30:00`);
    writeFileSync(path, `origin,destination,distance,date\n${lines.join('\n')}\n`);
    const { predictions } = await stack.json<PredictResult>('predict', 'flight-delay', '--file', path);
    expect(predictions).toHaveLength(2500);
    expect(predictions[37]).toEqual(answer.predictions[0]);
    writeFileSync(path, `origin,destination,distance,date\n${[...lines, 'SFO,LAX,far,2001-06-15'].join('\n')}\n`);
    const { code, stdout, stderr } = await stack.anneal('predict', 'flight-delay', '--file', path, '--output', 'csv');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/Row 2501 of .*few\.csv: column "distance"/) });
    expect(stdout.trim().split('\n')).toHaveLength(2001);
  });

  it('predicts files by the command as it predicts rows, and goes on after kill -9 of the data worker', async () => {
    const directory = join(stack.home, 'predictions');
    const job = ['batch', 'flight-delay', '--input', source, '--output', directory, '--format', 'jsonl', '--job', 'e2e'];
    await stack.json(...job, '--partition-rows', '20000');
    process.kill(await stack.pid('data'), 'SIGKILL');
    const ended = await stack.json<{ status: string; rows: { predicted: number; rejected: number } }>('batches', 'show', 'e2e', '--wait');
    expect(ended).toMatchObject({ status: 'completed', version: '1', rows: { predicted: 150_000, rejected: 0 } });
    const parts = readdirSync(directory).filter((name) => name.startsWith('part-'));
    expect(parts).toHaveLength(8);
    const [line] = readFileSync(join(directory, 'part-00003.jsonl'), 'utf8').split('\n');
    const { date, prediction, probability, ...rest } = JSON.parse(line) as Record<string, string> & { probability: number };
    const row = { ...rest, date: `${date.replace(' ', 'T')}Z` };
    const answer = await stack.json<PredictResult>('predict', 'flight-delay', JSON.stringify(row));
    expect(answer.predictions[0]).toMatchObject({ label: prediction, probability: expect.closeTo(probability, 6) });
    expect(await stack.json(...job, '--partition-rows', '20000')).toMatchObject({ status: 'completed', job: 'e2e' });
  });

  it('ends in the same model after kill -9 of the training worker in mid-epoch', async () => {
    const undisturbed = await stack.json<RunResult>('run', 'flight-delay', '--wait', ...slower());
    const { run } = await stack.json<{ run: string }>('run', 'flight-delay', ...slower());
    const shown = (): Promise<ShownRun> => stack.json('show', run);
    const killedAt = await eventually('the training is under way', async () => {
      const { trainings } = await shown();
      const progress = trainings[0]?.progress;
      return progress && progress.totalSteps > 100 && progress.step > progress.totalSteps * 0.2 ? progress.step : undefined;
    });
    process.kill(await stack.pid('training'), 'SIGKILL');
    const ended = await stack.json<ShownRun>('show', run, '--wait');
    expect(killedAt).toBeGreaterThan(0);
    expect(ended).toMatchObject({ state: 'promoted', modelDigest: undisturbed.modelDigest });
  }, 900_000);

  it('reads the same data after kill -9 of the data worker in the middle of the files', async () => {
    const folder = join(stack.home, 'flights');
    await flightsInFiles(folder);
    const source = { format: 'csv', uri: folder } as const;
    const { run } = await stack.json<{ run: string }>(
      'run',
      'flight-delay',
      ...quick(),
      '--set',
      `source=${JSON.stringify(source)}`,
      '--set',
      'data={"partitionSize":"1MiB","concurrency":1}',
      // What is asked for is the data; no model need be made of them.
      '--set',
      'expectations={"minRows":999999999,"onError":"fail"}',
    );
    const known = join(stack.home, 'artifacts', 'pointers', 'snapshots');
    const before = readdirSync(known).length;
    const done = await eventually('some files are read', async () => {
      const files = readdirSync(known).length - before;
      return files > 2 ? files : undefined;
    });
    process.kill(await stack.pid('data'), 'SIGKILL');
    expect(done).toBeLessThan(20);
    const ended = await stack.json<ShownRun & { dataDigest?: string }>('show', run, '--wait');
    expect(ended).toMatchObject({ state: 'failed', reason: expect.stringContaining('minRows') });
    const store = new FileArtifactStore(join(stack.home, 'undisturbed'));
    const undisturbed = await ingestSource(source, stack.home, { store, scratchRoot: join(stack.home, 'undisturbed-scratch') });
    expect(ended.dataDigest).toBe(undisturbed.digest);
  }, 600_000);

  it('reloads on promotion and rollback without a failed request', async () => {
    const load = applyLoad(`${stack.url}/v1/models/flight-delay:predict`, flight, 16);
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const version of ['1', '2', '1', '3']) await stack.json('promote', 'flight-delay', version);
    await stack.json('rollback', 'flight-delay');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { answered, failures, versions } = await load.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect(versions).toEqual(new Set(['1', '2', '3']));
    const { models } = await stack.json<{ models: { model: string; champion: string; serving: { version: string } }[] }>('models');
    expect(models.find(({ model }) => model === 'flight-delay')).toMatchObject({ champion: '1', serving: { version: '1' } });
  }, 600_000);

  it('gives Python the same probabilities through mlflow.onnx', async () => {
    const script = [
      'import json, sys',
      'try:',
      '    import numpy, onnxruntime, mlflow.onnx',
      'except ImportError as missing:',
      '    print(json.dumps({"missing": str(missing)})); sys.exit()',
      'flight = json.loads(sys.argv[1])',
      'model = mlflow.onnx.load_model("models:/flight-delay@champion")',
      'session = onnxruntime.InferenceSession(model.SerializeToString())',
      'text = lambda name: numpy.array([[flight[name]]], dtype=object)',
      'number = lambda value: numpy.array([[value]], dtype=numpy.int64)',
      'date = int(numpy.datetime64(flight["date"], "ms").astype("int64"))',
      'feeds = {"origin": text("origin"), "destination": text("destination"), "distance": number(flight["distance"]), "date": number(date)}',
      'probabilities, anomaly = session.run(["probabilities", "anomaly"], feeds)',
      'print(json.dumps({"probabilities": probabilities.tolist(), "anomaly": anomaly.tolist()}))',
    ].join('\n');
    const { stdout } = await promisify(execFile)(executable('python'), ['-c', script, JSON.stringify(flight)], {
      env: { ...stack.env, MLFLOW_TRACKING_URI: `http://127.0.0.1:${stack.env.ANNEAL_MLFLOW_PORT}`, MLFLOW_DISABLE_TELEMETRY: 'true' },
    });
    const answer = JSON.parse(stdout.trim().split('\n').at(-1)!) as { missing?: string; probabilities: number[][]; anomaly: number[][] };
    if (answer.missing) return console.warn(`left out: ${answer.missing}`);
    const served = await stack.json<PredictResult>('predict', 'flight-delay', JSON.stringify(flight));
    expect(answer.probabilities[0][1]).toBeCloseTo(served.predictions[0].probability!, 5);
    expect(answer.anomaly[0][0]).toBe(Math.fround(served.predictions[0].anomaly!));
    return undefined;
  });

  it('refuses to promote what the registry does not have, and leaves nothing behind', async () => {
    for (const [model, version] of [
      ['flight-dellay', '1'],
      ['flight-delay', '99'],
      ['flight-delay', 'newest'],
    ]) {
      const { code, stderr } = await stack.anneal('promote', model, version);
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`no version "${version}" of a model "${model}"`) });
    }
    const { models } = await stack.json<{ models: { model: string }[] }>('models');
    expect(models.map(({ model }) => model)).not.toContain('flight-dellay');
  });

  describe('bad input', () => {
    const failed = async (...args: string[]): Promise<string> => {
      const { code, stderr, stdout } = await stack.anneal('run', 'flight-delay', '--wait', ...quick(), ...args);
      expect(code).toBe(1);
      expect(stderr).not.toMatch(/^\s+at /m);
      return `${stdout}\n${stderr}`;
    };
    const from = (name: string, select: string): Promise<string[]> =>
      writeFlights(join(stack.home, name), select).then((path) => ['--set', `source.uri=${path}`]);

    it('names the pipelines that there are when one is unknown', async () => {
      const { code, stderr } = await stack.anneal('run', 'no-such-pipeline');
      expect(code).not.toBe(0);
      expect(stderr).toContain('flight-delay');
    });

    it('says which file is missing', async () => {
      expect(await failed('--set', 'source.uri=/nowhere/flights.parquet')).toContain('/nowhere/flights.parquet');
    });

    it('refuses an empty file', async () => {
      const path = join(stack.home, 'empty.parquet');
      writeFileSync(path, '');
      expect(await failed('--set', `source.uri=${path}`)).toMatch(/empty/i);
    });

    it('names the column that has the wrong type, what was expected and what was found', async () => {
      const report = await failed(...(await from('text-distance.parquet', `SELECT * REPLACE ('far' AS distance) FROM flights`)));
      expect(report).toContain('distance');
      expect(report).toMatch(/integer/i);
      expect(report).toMatch(/VARCHAR|text|string/i);
    });

    it('refuses a label that is always missing', async () => {
      expect(
        await failed(
          ...(await from('null-label.parquet', 'SELECT * REPLACE (CAST(NULL AS INTEGER) AS delay) FROM flights')),
          '--set',
          'columns.delay.nullable=true',
        ),
      ).toMatch(/late|delay/);
    });

    it('refuses a label with one class', async () => {
      expect(await failed(...(await from('one-class.parquet', 'SELECT * REPLACE (0 AS delay) FROM flights')))).toMatch(/class/i);
    });

    it('names the line of a ragged CSV file, and the way out', async () => {
      const path = join(stack.home, 'ragged.csv');
      writeFileSync(path, 'date,delay,distance,origin,destination\n2001-01-01,1,2,SFO,LAX\n2001-01-01,1,2\n');
      const report = await failed('--set', `source={"format":"csv","uri":${JSON.stringify(path)}}`);
      expect(report).toMatch(/ragged\.csv.*line 3 has 3 values where the first row has 5.*source\.ragged/s);
    });

    it('names a file whose bytes are damaged, and goes on working', async () => {
      const [, setting] = await from('damaged.parquet', 'SELECT * FROM flights');
      const path = setting.replace('source.uri=', '');
      const bytes = readFileSync(path);
      bytes.fill(0xaa, bytes.length >> 2, bytes.length >> 1);
      writeFileSync(path, bytes);
      const worker = await stack.pid('data');
      expect(await failed('--set', setting)).toMatch(/damaged\.parquet.*not readable as parquet/s);
      expect(await stack.pid('data')).toBe(worker);
    });

    it('takes SQL in a target for a mistake, and runs none of it', async () => {
      const written = join(stack.home, 'executed');
      const expression = `true); COPY (SELECT 1) TO '${written}'; SELECT (true`;
      expect(await failed('--set', `target.expression=${expression}`)).toMatch(/target expression.*target\.expression/s);
      expect(await failed('--set', `target.expression=EXISTS (FROM read_text('/etc/passwd'))`)).toContain('subquery');
      expect(existsSync(written)).toBe(false);
    });

    it('fails at once where the pipeline does not want to wait', async () => {
      const bad = await from('far-again.parquet', `SELECT * REPLACE ('far' AS distance) FROM flights`);
      expect(await failed(...bad, '--set', 'expectations.onError=fail')).toMatch(/^failed .*distance/ms);
    });

    it('leaves a run with bad data waiting, and goes on when somebody overrides it', async () => {
      const demanding = ['--set', 'expectations.minRows=999999999'];
      const { code, stdout } = await stack.anneal('run', 'flight-delay', '--wait', '--json', ...quick(), ...demanding);
      const report = JSON.parse(stdout) as { run: string; status: string; reason: string; commands: string[] };
      expect({ code, report }).toMatchObject({
        code: 1,
        report: { status: 'awaiting-override', reason: expect.stringContaining('minRows') },
      });
      expect(report.commands[0]).toContain(`anneal override ${report.run}`);
      await stack.json('override', report.run, '--reason', 'a sample will do');
      const ended = await stack.json<ShownRun & { dataOverride?: { reason: string } }>('show', report.run, '--wait');
      expect(ended).toMatchObject({ state: 'promoted', dataOverride: { reason: 'a sample will do' } });
    });

    it('refuses a definition that is not valid, and names the path', async () => {
      const { code, stderr } = await stack.anneal('run', 'flight-delay', '--set', 'training.epochs=zero');
      expect(code).not.toBe(0);
      expect(stderr).toContain('training.epochs');
    });
  });

  it('keeps a schedule that retrains, and forgets it on request', async () => {
    await stack.json('schedule', 'create', 'flight-delay', '--every', '12h', ...quick());
    const listed = await stack.json<{ schedules: { pipeline: string }[] }>('schedule', 'list');
    expect(listed.schedules.map(({ pipeline }) => pipeline)).toEqual(['flight-delay']);
    await stack.json('schedule', 'pause', 'flight-delay');
    await stack.json('schedule', 'resume', 'flight-delay');
    await stack.json('schedule', 'trigger', 'flight-delay');
    await eventually('the triggered run is listed', async () => {
      const { runs } = await stack.json<{ runs: { run: string }[] }>('runs');
      return runs.some(({ run }) => run.startsWith('scheduled')) ? true : undefined;
    });
    await stack.json('schedule', 'delete', 'flight-delay');
    expect((await stack.json<{ schedules: unknown[] }>('schedule', 'list')).schedules).toEqual([]);
  });

  it('goes on with a run after the stack was down in the middle of it', async () => {
    const { run } = await stack.json<{ run: string }>('run', 'flight-delay', ...slower());
    await eventually('the training is under way', async () => {
      const { trainings } = await stack.json<ShownRun>('show', run);
      return (trainings[0]?.progress?.step ?? 0) > 20 ? true : undefined;
    });
    expect((await stack.down()).code).toBe(0);
    await stack.up();
    const ended = await stack.json<ShownRun>('show', run, '--wait');
    expect(ended.state).toBe('promoted');
  }, 900_000);
});
