import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../cli/project-root.js';

export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CommandOptions {
  /** @default the project's folder */
  readonly cwd?: string;
  /** What it reads from its standard input. @default nothing */
  readonly input?: string;
}

/** Run the `anneal` command as a user does, with nothing of this process' environment but its `PATH`. */
export function runAnneal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { cwd = projectRoot, input = '' }: CommandOptions = {},
): Promise<CommandOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(projectRoot, 'cli', 'anneal.mjs'), ...args], {
      cwd,
      env: { PATH: process.env.PATH, ...env },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
}
