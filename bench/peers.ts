import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Workload } from './workloads.js';

const run = promisify(execFile);

export const peers = ['jax', 'torch'] as const;
export type Peer = (typeof peers)[number];

const script = path.join(import.meta.dirname, 'peers.py');
const environment = path.join(tmpdir(), 'anneal-bench-peers');
const installed = path.join(environment, 'bin', 'python');

/**
 * Install JAX and PyTorch into an environment of their own in the folder for temporary files; what is there already is kept.
 *
 * @returns what could not be installed, a line each
 */
export async function installPeers(): Promise<string[]> {
  if (!existsSync(installed)) await run('python3', ['-m', 'venv', environment]);
  const problems: string[] = [];
  for (const peer of peers) {
    try {
      await run(installed, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', peer, 'numpy']);
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

/** Measure a peer in a process of its own. @returns why it was left out, where it cannot run */
export async function measurePeer(
  python: string,
  peer: Peer,
  { name, plan, rounds, stepsPerRound }: Workload,
): Promise<{ msPerStep: number; finalLoss: number } | { leftOut: string }> {
  try {
    await run(python, ['-c', `import ${peer}, numpy`]);
  } catch {
    return { leftOut: `${python} has no ${peer}; see --peers` };
  }
  try {
    const { stdout } = await run(python, [script, peer, name, ...[plan.threads, rounds, stepsPerRound[peer]!].map(String)]);
    return JSON.parse(stdout) as { msPerStep: number; finalLoss: number };
  } catch (error) {
    return { leftOut: lastLine(error) };
  }
}

function lastLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1)!;
}
