import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { ServingSpec } from '../../contracts/pipeline.js';
import type { HostPlaces } from '../../contracts/serving-places.js';
import { inferenceServiceName } from '../grpc/grpc-server.js';
import { loadService } from '../grpc/service-definition.js';
import { prepareVersion } from '../loader/prepare-version.js';
import { idleExecutorPids } from './process-runner.js';
import { ServingHost } from '../serving-host.js';
import { isAlive } from '../../ml/is-alive.js';
import { executorPids } from '../testing/executor-processes.js';
import { underLoad } from '../../testing/under-load.js';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyGolden, tinyGraph, tinyManifest, tinyProbability, writeVersion, type TinyModel } from '../testing/tiny-bundle.js';

const { ModelInfer } = loadService('./inference.proto', inferenceServiceName);
const onlyX64 = process.arch === 'x64' ? it : it.skip;
/** Rows of this date crash the versions that say so. */
const poisonDate = 13;

/** Executors are killed, or crash, as they do in practice; clients here never try again. */
describe('crashes of executor processes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-crash-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let grpc: Client;
  let epoch = 0;
  beforeAll(async () => {
    // A busy machine may take longer to start an executor than requests wait by default.
    const executors = { placement: 'executor-process', maxWaitMs: 60_000 } as const;
    serving = await startServingProcess({}, [], { executors, start: { logLevel: 'fatal' } });
    grpc = new Client(serving.grpcAddress, credentials.createInsecure());
    await promote('tiny', '1', { bias: 0 });
  });
  afterAll(async () => {
    grpc?.close();
    await serving?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const write = (name: string, version: string, model: TinyModel, serving?: ServingSpec) =>
    writeVersion(
      join(directory, `${name}-${version}`),
      tinyGraph(model),
      { ...tinyManifest, ...(serving ? { serving } : {}) },
      tinyGolden(model),
    );

  async function promote(name: string, version: string, model: TinyModel, spec?: ServingSpec): Promise<void> {
    await serving.stage(name, version, write(name, version, model, spec));
    await serving.command('activate', { model: name, version, epoch: ++epoch });
  }

  async function post(name: string, distance: number, date = 0) {
    const response = await fetch(`${serving.url}/v1/models/${name}:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [{ origin: 'SFO', date, distance }] }),
    });
    const body = (await response.json()) as { error?: string; version: string; predictions: { probability: number }[] };
    return { status: response.status, degraded: response.headers.get('x-anneal-degraded'), body };
  }

  function infer(name: string, distance: number, date = 0): Promise<number> {
    const bytes = (array: Float64Array | BigInt64Array) => Buffer.from(array.buffer);
    const message = {
      model_name: name,
      inputs: [
        { name: 'origin', datatype: 'BYTES', shape: [1] },
        { name: 'date', datatype: 'INT64', shape: [1] },
        { name: 'distance', datatype: 'FP64', shape: [1] },
      ],
      raw_input_contents: [Buffer.from('\x03\0\0\0SFO'), bytes(BigInt64Array.of(BigInt(date))), bytes(Float64Array.of(distance))],
    };
    return new Promise((resolve, reject) => {
      grpc.makeUnaryRequest(ModelInfer.path, ModelInfer.requestSerialize, ModelInfer.responseDeserialize, message, (error, response) =>
        error ? reject(error) : resolve((response as { raw_output_contents: Buffer[] }).raw_output_contents[0].readFloatLE(4)),
      );
    });
  }

  /** @returns what clients were answered wrongly or not at all while the rest ran, and the slowest answer */
  async function loaded(name: string, clients: number, bias: number, during: () => Promise<unknown>) {
    let asked = 0;
    let slowestMs = 0;
    const wrong: unknown[] = [];
    const ask = async (client: number): Promise<void> => {
      const distance = asked++ % 1000;
      const startedAt = performance.now();
      try {
        const late = client % 2 === 0 ? (await post(name, distance)).body.predictions[0].probability : await infer(name, distance);
        if (Math.abs(late - tinyProbability({ bias }, { origin: 'SFO', distance })) > 1e-5) wrong.push({ distance, late });
      } catch (error) {
        wrong.push(error);
      }
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    };
    const { length: answered } = await underLoad(clients, ask, during);
    return { wrong, answered, slowestMs };
  }

  async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + 60_000; !(await isTrue()); await sleep(20))
      if (performance.now() > end) throw new Error('it did not come about within 60 s');
  }

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`${serving.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }

  it.each<[number, NodeJS.Signals[]]>([
    [16, ['SIGSEGV', 'SIGKILL']],
    [64, ['SIGKILL', 'SIGABRT']],
  ])('fail no request of %d clients over HTTP and gRPC', async (connections, signals) => {
    const { wrong, answered } = await loaded('tiny', connections, 0, async () => {
      for (const signal of signals) {
        await sleep(150);
        const before = executorPids(serving.child.pid!);
        expect(before.length).toBeGreaterThan(0);
        for (const pid of before) process.kill(pid, signal);
        await until(() => executorPids(serving.child.pid!).some((pid) => !before.includes(pid)));
        await until(async () => (await metric('anneal_executors{model="tiny",version="1"}')) === 1);
      }
      await sleep(150);
    });
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(connections);
    expect(await metric('anneal_executor_deaths_total{model="tiny",signal="SIGSEGV"}')).toBeGreaterThan(0);
    expect(await metric('anneal_executor_restarts_total{model="tiny"}')).toBeGreaterThan(1);
    expect(await metric('anneal_executor_resident_bytes{model="tiny",version="1"}')).toBeGreaterThan(10 * 2 ** 20);
  });

  onlyX64('refuse a request that two executors died of, and only that one', async () => {
    await promote('poisoned', '1', { bias: 1, crashesAt: poisonDate });
    const deaths = () => metric('anneal_executor_deaths_total{model="poisoned",signal="SIGFPE"}');
    const poison = async () => {
      await sleep(100);
      const { status: code, body } = await post('poisoned', 1, poisonDate);
      expect(code).toBe(500);
      expect(body.error).toMatch(/Two executors of the model crashed/);
      expect(await deaths()).toBe(2);
      await expect(infer('poisoned', 1, poisonDate)).rejects.toMatchObject({
        code: status.INTERNAL,
        details: expect.stringContaining('Two executors'),
      });
      const instances = [{ origin: 'SFO', date: poisonDate, distance: 1 }];
      // To Temporal it is a failure that no retry mends.
      await expect(serving.command('predict', { model: 'poisoned', instances })).rejects.toThrow('Two executors');
      expect(await deaths()).toBe(6);
      await sleep(100);
    };
    const others = await loaded('tiny', 4, 0, async () => {
      expect((await loaded('poisoned', 16, 1, poison)).wrong).toEqual([]);
    });
    expect(others.wrong).toEqual([]);
    expect(await metric('anneal_executor_deaths_total{model="tiny",signal="SIGFPE"}')).toBe(0);
  });

  onlyX64('let the fallback answer for a model that crashes on every request, and harm no other model', async () => {
    await promote('small', '7', { bias: 2 });
    await promote('crashing', '1', { bias: 0, crashesAt: poisonDate }, { degrade: { fallbackModel: 'small' } });
    const { wrong, slowestMs } = await loaded('tiny', 4, 0, async () => {
      // The first ones are refused as requests that two executors died of; then nothing waits for an executor any more.
      const outcomes: string[] = [];
      const states = new Set<string>();
      const statusOf = async (path: string) => (await fetch(`${serving.url}${path}`)).status;
      await until(async () => {
        const answer = await post('crashing', 100, poisonDate);
        outcomes.push(`${answer.status} ${answer.degraded ?? ''}`);
        const [model, server, places] = await Promise.all([
          statusOf('/v2/models/crashing/ready'),
          statusOf('/v2/health/ready'),
          fetch(`${serving.url}/v1/executors`).then((response) => response.json() as Promise<HostPlaces>),
        ]);
        const { state } = places.processes[0].versions.find((place) => place.model === 'crashing')!;
        states.add(`model ${model}, server ${server}, ${state}`);
        return outcomes.filter((outcome) => outcome === '200 fallback').length >= 20;
      });
      expect(outcomes[0]).toBe('500 ');
      // The model cannot answer by itself meanwhile, and the host serves others.
      expect(states).toContain('model 503, server 200, down');
      expect(await statusOf('/v2/models/tiny/ready')).toBe(200);
      expect(new Set(outcomes)).toEqual(new Set(['500 ', '200 fallback']));
      expect(outcomes.filter((outcome) => outcome === '500 ').length).toBeLessThan(6);
      // Ordinary rows are answered by the fallback, too, until an executor is there again.
      expect((await post('crashing', 100)).body.version).toMatch(/^[17]$/);
      await until(async () => (await post('crashing', 100)).degraded === null);
      expect(await statusOf('/v2/models/crashing/ready')).toBe(200);
    });
    expect(wrong).toEqual([]);
    expect(slowestMs).toBeLessThan(20_000);
  });

  onlyX64('while a version is loaded refuse it with the reason, and the old one goes on', async () => {
    const model: TinyModel = { bias: 3, crashesAt: poisonDate };
    const prepared = await prepareVersion(write('tiny', '2', model), directory);
    const golden = JSON.stringify({ ...tinyGolden(model), instances: [{ origin: 'SFO', date: poisonDate, distance: 0 }] });
    const path = join(directory, 'golden.json');
    writeFileSync(path, golden);
    const crashing = { ...prepared, golden: { path, sha256: createHash('sha256').update(golden).digest('hex') } };
    const { wrong } = await loaded('tiny', 4, 0, () =>
      expect(serving.command('stage', { model: 'tiny', version: '2', prepared: crashing })).rejects.toThrow(
        /The version cannot be served: .*signal SIGFPE/,
      ),
    );
    expect(wrong).toEqual([]);
    expect((await post('tiny', 100)).body.version).toBe('1');
  });

  it('are not needed to end them: they end with their serving process, also when that is killed', async () => {
    const pids = executorPids(serving.child.pid!);
    expect(pids.length).toBeGreaterThan(0);
    // What a service manager or Ctrl-C sends to all processes of a host.
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    expect((await post('tiny', 100)).status).toBe(200);
    expect(pids.filter(isAlive)).toEqual(pids);
    serving.child.kill('SIGKILL');
    await until(() => !pids.some(isAlive));
  });
});

describe('a serving host', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-crash-log-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const prepare = (serving?: ServingSpec) => {
    const manifest = { ...tinyManifest, ...(serving ? { serving } : {}) };
    return prepareVersion(writeVersion(directory, tinyGraph({ bias: 0 }), manifest, tinyGolden({ bias: 0 })), directory);
  };

  it('gives a version a process where its pipeline says so, and none where it does not', async () => {
    const host = new ServingHost(pino({ level: 'silent' }));
    await host.handlers.start({ logLevel: 'info', executors: { placement: 'http-thread' }, expected: [] });
    const stage = async (version: string, serving?: ServingSpec) =>
      (await host.handlers.stage({ model: 'tiny', version, prepared: await prepare(serving) })).placement;
    expect(await stage('1', { isolation: 'process' })).toBe('executor-process');
    expect(await stage('2')).toBe('http-thread');
    await host.handlers.drain(null);
  });

  it('logs of an executor that ended which version it had, and how it ended', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const host = new ServingHost(logger);
    await host.handlers.start({ logLevel: 'info', executors: { placement: 'executor-process' }, expected: [] });
    await host.handlers.stage({ model: 'tiny', version: '4', prepared: await prepare() });
    // The process of the test before, which has waited for a version.
    const [pid] = executorPids(process.pid);
    process.kill(pid, 'SIGSEGV');
    while (lines.length === 0) await sleep(10);
    // The version is back, and another process is held ready for the next crash.
    while (executorPids(process.pid).length < 2 || lines.length < 2) await sleep(10);
    expect(idleExecutorPids()).toHaveLength(1);
    expect(lines).toEqual([
      expect.objectContaining({
        level: 50,
        model: 'tiny',
        version: '4',
        pid: process.pid,
        executor: pid,
        signal: 'SIGSEGV',
        msg: expect.stringContaining('died'),
      }),
      expect.objectContaining({ level: 30, model: 'tiny', version: '4', msg: expect.stringContaining('took the place') }),
    ]);
    await host.handlers.drain(null);
  });
});
