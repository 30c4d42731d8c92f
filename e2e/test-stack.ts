import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stack of the test's own: its own home, its own ports, driven by the `anneal` command as a user would. */
export class TestStack {
  readonly home = mkdtempSync(join(tmpdir(), 'anneal-e2e-'));

  private constructor(
    readonly env: NodeJS.ProcessEnv,
    readonly url: string,
  ) {}

  /** @param more of its environment */
  static async create(more: NodeJS.ProcessEnv = {}): Promise<TestStack> {
    const [temporal, ui, mlflow, http, grpc] = await freePorts(5);
    const inherited = { ...process.env };
    // What belongs to jest and to the servers of other tests is no business of the stack.
    for (const name of ['TEMPORAL_ADDRESS', 'MLFLOW_TRACKING_URI', 'NODE_OPTIONS', 'JEST_WORKER_ID']) delete inherited[name];
    const stack = new TestStack(
      {
        ...inherited,
        ANNEAL_TEMPORAL_PORT: String(temporal),
        ANNEAL_TEMPORAL_UI_PORT: String(ui),
        ANNEAL_MLFLOW_PORT: String(mlflow),
        ANNEAL_HTTP_PORT: String(http),
        ANNEAL_GRPC_PORT: String(grpc),
        NO_COLOR: '1',
        ...more,
      },
      `http://127.0.0.1:${http}`,
    );
    stack.env.ANNEAL_HOME = stack.home;
    return stack;
  }

  /** Run the command to its end. */
  anneal(...args: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(root, 'cli', 'anneal.mjs'), ...args],
        { cwd: root, env: this.env, maxBuffer: 64 << 20 },
        (error, stdout, stderr) => {
          resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr });
        },
      );
    });
  }

  /** Run the command with `--json`; fails when it does. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.anneal(...args, '--json');
    if (code !== 0) throw new Error(`anneal ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}\n${this.logs()}`);
    return JSON.parse(stdout) as T;
  }

  /** Start the command and leave it running. */
  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [join(root, 'cli', 'anneal.mjs'), ...args], { cwd: root, env: this.env, stdio: 'ignore' });
  }

  /** Process id of a part of the stack. */
  async pid(service: string): Promise<number> {
    const { services } = JSON.parse((await this.anneal('status', '--json')).stdout) as { services: { name: string; pid: number }[] };
    return services.find(({ name }) => name === service)!.pid;
  }

  async up(): Promise<void> {
    const { code, stderr, stdout } = await this.anneal('up', '--detach');
    if (code !== 0) throw new Error(`the stack did not start:\n${stderr}\n${stdout}\n${this.logs()}`);
  }

  async down(): Promise<Outcome> {
    return this.anneal('down');
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** The last lines of every log, for a failure that is hard to explain without. */
  logs(): string {
    return ['orchestration', 'data', 'training', 'inference']
      .map((name) => {
        try {
          return `--- ${name}\n${readFileSync(join(this.home, 'logs', `${name}.log`), 'utf8')
            .split('\n')
            .slice(-15)
            .join('\n')}`;
        } catch {
          return `--- ${name}: no log`;
        }
      })
      .join('\n');
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<ReturnType<typeof createServer>>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Poll until `reached` gives a value. */
export async function eventually<T>(what: string, reached: () => Promise<T | undefined>, timeoutMs = 240_000): Promise<T> {
  for (const until = Date.now() + timeoutMs; Date.now() < until;) {
    const value = await reached();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`);
}
