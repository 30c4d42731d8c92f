import { type ChildProcess, fork } from 'node:child_process';
import { compiledFlags, compiledModule } from './compiled-module.js';
import { OutputTail } from './output-tail.js';

export interface TypescriptChild {
  readonly process: ChildProcess;
  readonly output: OutputTail;
}

/**
 * Start a Node process that runs a module of Anneal's and talks over IPC, typed arrays included.
 *
 * @param module URL of its source
 * @param variables of its environment, beside those of this process
 * @param flags of Node.js
 */
export function forkTypescript(
  module: URL,
  variables: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): TypescriptChild {
  const child = fork(compiledModule(module), [], {
    env: { ...process.env, ...variables },
    // Flags of this process, such as a debugger's port, are not for the child.
    execArgv: [...compiledFlags, ...flags],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return { process: child, output: new OutputTail(child.stdout!, child.stderr!) };
}

/** @returns how a child ended before its job was done, for people: "was ended by signal SIGKILL …" with its last output */
export function childDeath({ output }: TypescriptChild, code: number | null, signal: NodeJS.Signals | null): string {
  const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`;
  const isLikelyMemory = signal === 'SIGKILL' || signal === 'SIGABRT';
  const hint = isLikelyMemory ? ' That is often a lack of memory: give the machine more, or take a smaller model or smaller batches.' : '';
  const tail = output.text();
  return `was ended ${how} before its job was done.${hint}${tail === '' ? '' : ` Its last output: ${tail}.`}`;
}
