import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { startServingProcess } from '../serving/testing/serving-process.js';
import { writeTinyVersion } from '../serving/testing/tiny-bundle.js';
import { OtlpReceiver, type ReceivedSpan } from '../testing/otlp-receiver.js';
import { temporalAddress } from '../testing/servers.js';
import { runAnneal } from '../testing/run-anneal.js';

describe('a command with an endpoint for spans', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-command-spans-'));
  let receiver: OtlpReceiver;
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  /** Takes connections, and says nothing. */
  let silent: Server;
  const connections: Socket[] = [];
  beforeAll(async () => {
    receiver = await OtlpReceiver.listen();
    silent = createServer((socket) => connections.push(socket)).listen(0, '127.0.0.1');
    const tracing = { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, start: { tracing: { instanceId: 'h-1' } } };
    serving = await startServingProcess({}, [], tracing);
    await serving.stage('tiny', '1', writeTinyVersion(join(directory, 'tiny'), { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    for (const socket of connections) socket.destroy();
    silent.close();
    await serving.stop();
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function anneal(args: readonly string[], endpoint: string | undefined) {
    const startedAt = performance.now();
    const outcome = await runAnneal(args, {
      HOME: directory,
      ANNEAL_HOME: join(directory, 'home'),
      TEMPORAL_ADDRESS: temporalAddress(),
      ...(endpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
    });
    return { ...outcome, ms: performance.now() - startedAt };
  }
  const row = JSON.stringify({ origin: 'SFO', date: 0, distance: 100 });
  const predict = (endpoint: string | undefined) => anneal(['predict', 'tiny', row, '--url', serving.url], endpoint);
  const namesToRoot = (span: ReceivedSpan): string[] => {
    const parent = receiver.spans.find(({ spanId }) => spanId === span.parentSpanId);
    return parent ? [...namesToRoot(parent), span.name] : [span.parentSpanId === '' ? '' : '?', span.name];
  };

  test('begins the trace of a prediction', async () => {
    expect(await predict(receiver.url)).toMatchObject({ code: 0, stderr: '' });
    const answered = await receiver.until(({ kind }) => kind === 2);
    await receiver.until(({ name }) => name === 'anneal predict');
    expect(namesToRoot(answered)).toEqual(['', 'anneal predict', 'POST /v1/models/{name}:predict']);
    const { resource, attributes } = receiver.spans.find(({ name }) => name === 'anneal predict')!;
    expect(resource['service.name']).toBe('anneal-command');
    expect(attributes['anneal.model.name']).toBe('tiny');
  });

  test('begins the trace of a run, and marks what failed', async () => {
    const { code, stdout } = await anneal(['run', 'penguins', '--json'], receiver.url);
    expect(code).toBe(0);
    const connection = await Connection.connect({ address: temporalAddress() });
    const { workflowId } = JSON.parse(stdout) as { workflowId: string };
    await new Client({ connection }).workflow.getHandle(workflowId).terminate();
    await connection.close();
    // What the command has sent before it ended; nobody else would send it.
    const started = receiver.spans.find(({ name }) => name === 'StartWorkflow:trainingPipeline')!;
    expect(namesToRoot(started)).toEqual(['', 'anneal run', 'StartWorkflow:trainingPipeline']);

    expect((await anneal(['predict', 'nothing', row, '--url', serving.url], receiver.url)).code).toBe(1);
    expect(
      receiver.spans.find(({ name, attributes }) => name === 'anneal predict' && attributes['anneal.model.name'] === 'nothing'),
    ).toMatchObject({
      status: 2,
    });
  });

  test('waits a second for a collector that is away, and no longer', async () => {
    const without = await predict(undefined);
    const silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    for (const endpoint of ['http://127.0.0.1:1', silentUrl]) {
      const { code, stdout, ms } = await predict(endpoint);
      expect({ code, stdout }).toEqual({ code: 0, stdout: without.stdout });
      // Beside loading OpenTelemetry, on a machine that others use; without a limit it would be ten.
      expect(ms - without.ms).toBeLessThan(4000);
    }
    expect(connections.length).toBeGreaterThan(0);
  });

  test('takes the stack down, and shows its state, although spans cannot be sent to an address', async () => {
    const env = { HOME: directory, ANNEAL_HOME: join(directory, 'nothing'), OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://collector' };
    const [down, status] = await Promise.all([runAnneal(['down'], env), runAnneal(['status'], env)]);
    const note = /^The environment variable OTEL_EXPORTER_OTLP_ENDPOINT is set to "ftp:\/\/collector", [^\n]* and goes on\.\n$/;
    expect(down.stderr).toMatch(note);
    expect(down.code).toBe(0);
    expect(status.stderr).toMatch(note);
    expect(status.stdout).toContain('No stack runs');
  });

  test('says that spans cannot be sent to an address', async () => {
    const { code, stderr } = await predict('ftp://collector');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^The environment variable OTEL_EXPORTER_OTLP_ENDPOINT is set to "ftp:\/\/collector", which spans cannot be sent to: [^\n]*\n$/,
    );
  });
});
