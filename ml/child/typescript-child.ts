import { type ChildProcess, fork } from 'node:child_process';
import { compiledFlags, compiledModule } from './compiled-module.js';
import { OutputTail, type Shortage } from './output-tail.js';

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

/** The end of a child before its job was done. */
export interface ChildDeath {
  /** Set when it exited by itself. */
  readonly exitCode?: number;
  readonly signal?: NodeJS.Signals;
  /** What ran out of memory by its own words. */
  readonly shortage?: Shortage;
  /** For people: "was ended by signal SIGKILL …" with its last output. */
  readonly text: string;
}

export function childDeath({ output }: TypescriptChild, code: number | null, signal: NodeJS.Signals | null): ChildDeath {
  const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`;
  const tail = output.text();
  const { shortage } = output;
  return {
    ...(code === null ? {} : { exitCode: code }),
    ...(signal === null ? {} : { signal }),
    ...(shortage ? { shortage } : {}),
    text: `was ended ${how} before its job was done.${shortageHint(signal, shortage)}${tail === '' ? '' : ` Its last output: ${tail}.`}`,
  };
}

function shortageHint(signal: NodeJS.Signals | null, shortage: Shortage | undefined): string {
  if (signal === null) return '';
  if (shortage === 'heap') return ' Its JavaScript heap was full.';
  const remedy = 'give the machine more, or take a smaller model or smaller batches.';
  if (shortage === 'machine') return ` It could get no more memory: ${remedy}`;
  return signal === 'SIGKILL' ? ` That is often a lack of memory: ${remedy}` : '';
}
