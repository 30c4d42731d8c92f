import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Interface, createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import type { Workload } from './workloads.js';

const run = promisify(execFile);

export const peers = ['jax', 'torch', 'sklearn'] as const;
export type Peer = (typeof peers)[number];

const packages: Readonly<Record<Peer, string>> = { jax: 'jax', torch: 'torch', sklearn: 'scikit-learn' };
const script = path.join(import.meta.dirname, 'peers.py');
const environment = path.join(tmpdir(), 'anneal-bench-peers');
const installed = path.join(environment, 'bin', 'python');

/**
 * Install JAX, PyTorch and scikit-learn into an environment of their own in the folder for temporary files; what is there already is
 * kept.
 *
 * @returns what could not be installed, a line each
 */
export async function installPeers(): Promise<string[]> {
  if (!existsSync(installed)) await run('python3', ['-m', 'venv', environment]);
  const problems: string[] = [];
  for (const peer of peers) {
    try {
      await run(installed, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', packages[peer], 'numpy']);
    } catch (error) {
      problems.push(`${peer} was not installed: ${lastLine(error)}`);
    }
  }
  return problems;
}

/** @returns the Python that has the peers: the one asked for, the one of `installPeers`, or the machine's */
export function peerPython(asked: string | undefined): string {
  return asked ?? (existsSync(installed) ? installed : 'python3');
}

/** Write a workload's rows and initial parameters for `peers.py`, so that all subjects train the same network on the same rows. */
export async function writePeerFolder(folder: string, { name, network, plan, data }: Workload): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { categorical, numeric, image, target } = data;
  const spec = {
    name,
    rows: data.rows,
    batchSize: plan.batchSize,
    shapes: network.parameters.map(({ shape }) => shape),
    categories: network.layout.categorical.map(({ size }) => size),
    numbers: network.layout.numeric.length,
  };
  await writeFile(path.join(folder, 'workload.json'), JSON.stringify(spec));
  const parameters = network.initialParameters();
  for (const [file, array] of Object.entries({ categorical, numeric, image, target, parameters }))
    if (array) await writeFile(path.join(folder, file), array);
}

/** A peer in a process of its own, which waits between its rounds. */
export class PeerProcess {
  private constructor(
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
    private readonly lines: AsyncIterator<string>,
    private readonly problems: Interface,
  ) {}

  /** @returns why it is left out, where it cannot run */
  static async start(python: string, peer: Peer, folder: string, threads: number, steps: number): Promise<PeerProcess | string> {
    let version: string;
    try {
      ({ stdout: version } = await run(python, ['-c', `import ${peer}, numpy; print(${peer}.__version__)`]));
    } catch {
      return `${python} has no ${packages[peer]}; see --peers`;
    }
    const child = spawn(python, [script, peer, folder, String(threads), String(steps)], { stdio: ['pipe', 'pipe', 'pipe'] });
    const started = new PeerProcess(child, createInterface(child.stdout)[Symbol.asyncIterator](), createInterface(child.stderr));
    started.version = version.trim();
    started.problems.on('line', (line) => {
      if (line.trim()) started.lastProblem = line.trim();
    });
    child.stdin.on('error', () => undefined);
    return started;
  }

  version = '';
  private lastProblem = '';

  /** @throws Error with the last line that the process wrote, when it ended */
  async round(): Promise<{ readonly msPerStep: number; readonly processorMsPerStep: number; readonly loss: number }> {
    this.child.stdin.write('\n');
    const { value, done } = await this.lines.next();
    if (done) throw new Error(this.lastProblem || 'its process ended');
    return JSON.parse(value as string) as { msPerStep: number; processorMsPerStep: number; loss: number };
  }

  close(): void {
    this.child.stdin.end();
    this.child.kill();
  }
}

function lastLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1)!;
}
