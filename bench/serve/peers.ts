import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const peerNames = ['mlserver', 'bentoml', 'litserve', 'mlflow'] as const;
export type PeerName = (typeof peerNames)[number];

const packages: Readonly<Record<PeerName, string>> = {
  mlserver: 'mlserver==1.7.1',
  bentoml: 'bentoml==1.4.39',
  litserve: 'litserve==0.2.19',
  mlflow: 'mlflow==3.17.2',
};
const environments = join(tmpdir(), 'anneal-bench-serving');
const scripts = join(import.meta.dirname, 'peers');
const startTimeoutMs = 90_000;
const stopTimeoutMs = 10_000;

/**
 * Install a peer into an environment of its own in the folder for temporary files; what is there already is kept.
 *
 * @returns its Python
 */
export async function installPeer(name: PeerName): Promise<string> {
  const python = join(environments, name, 'bin', 'python');
  if (existsSync(python)) return python;
  const own = join(import.meta.dirname, '../../.venv/bin/uv');
  const uv = existsSync(own) ? own : 'uv';
  await mkdir(environments, { recursive: true });
  await run(uv, ['venv', '-q', join(environments, name)]);
  await run(uv, ['pip', 'install', '-q', '--python', python, packages[name], 'onnxruntime', 'onnx', 'numpy', 'pandas']);
  return python;
}

export interface RunningPeer {
  readonly port: number;
  readonly path: string;
  readonly body: (rows: readonly unknown[]) => string;
  stop(): Promise<void>;
}

/** Start a peer with the model of `directory`. @throws Error with the last line of its output when it does not answer */
export async function startPeer(python: string, name: PeerName, directory: string): Promise<RunningPeer> {
  const port = await freePort();
  const bin = dirname(python);
  const cwd = join(directory, name);
  await mkdir(cwd, { recursive: true });
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    ANNEAL_BENCH_MODEL: join(directory, 'model.onnx'),
    PYTHONPATH: scripts,
  };
  const records = (rows: readonly unknown[]): string => JSON.stringify({ instances: rows });
  const start = async (): Promise<{ child: ChildProcess; path: string; body: RunningPeer['body'] }> => {
    switch (name) {
      case 'mlserver': {
        await writeFile(
          join(cwd, 'settings.json'),
          JSON.stringify({
            http_port: port,
            grpc_port: await freePort(),
            metrics_port: await freePort(),
            parallel_workers: 0,
            debug: false,
          }),
        );
        await writeFile(join(cwd, 'model-settings.json'), JSON.stringify({ name: 'flights', implementation: 'mlserver_model.Flights' }));
        const child = spawn(join(bin, 'mlserver'), ['start', cwd], { cwd, env, detached: true });
        return { child, path: '/v2/models/flights/infer', body: tensors };
      }
      case 'bentoml': {
        const args = ['serve', 'bentoml_service:Flights', '--host', '127.0.0.1', '--port', String(port)];
        const child = spawn(join(bin, 'bentoml'), args, {
          cwd: scripts,
          env: { ...env, BENTOML_HOME: cwd, BENTOML_DO_NOT_TRACK: '1' },
          detached: true,
        });
        return { child, path: '/predict', body: records };
      }
      case 'litserve': {
        const child = spawn(python, [join(scripts, 'litserve_server.py'), String(port)], { cwd, env, detached: true });
        return { child, path: '/predict', body: records };
      }
      case 'mlflow': {
        const model = join(cwd, 'model');
        await run(python, [join(scripts, 'mlflow_model.py'), model], { env });
        const args = ['models', 'serve', '-m', model, '--host', '127.0.0.1', '--port', String(port), '--env-manager', 'local'];
        const child = spawn(join(bin, 'mlflow'), args, { cwd, env, detached: true });
        return { child, path: '/invocations', body: (rows) => JSON.stringify({ dataframe_records: rows }) };
      }
    }
  };
  const { child, path, body } = await start();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output = (output + String(chunk)).slice(-4000)));
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    // Some put their workers into groups of their own, and end them when they are asked to end.
    process.kill(-child.pid!, 'SIGTERM');
    await Promise.race([exited, sleep(stopTimeoutMs)]);
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await exited;
  };
  const until = performance.now() + startTimeoutMs;
  const probe = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body([{ origin: 'AAX', destination: 'ABX', distance: 1, date: 0 }]),
  };
  let last = 'no answer';
  while (performance.now() < until && child.exitCode === null) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, probe).catch(() => undefined);
    if (response?.status === 200) return { port, path, body, stop };
    if (response) last = `status ${response.status}: ${(await response.text()).slice(0, 200)}`;
    await sleep(300);
  }
  await stop();
  throw new Error(
    `it did not answer within ${startTimeoutMs / 1000} s (${last}); its output ended with: ${output.trim().split('\n').at(-1)}`,
  );
}

/** The Open Inference Protocol in JSON, as MLServer takes it. */
function tensors(rows: readonly unknown[]): string {
  const column = (name: string, datatype: string) => ({
    name,
    datatype,
    shape: [rows.length, 1],
    data: rows.map((row) => (row as Record<string, unknown>)[name]),
  });
  return JSON.stringify({
    inputs: [column('origin', 'BYTES'), column('destination', 'BYTES'), column('distance', 'FP64'), column('date', 'INT64')],
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
