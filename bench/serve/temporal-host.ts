import { fork } from 'node:child_process';
import { once } from 'node:events';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import type { FromTemporalProcess, ToTemporalProcess } from './temporal-messages.js';

export interface TemporalHosts {
  readonly ports: readonly number[];
  /** Of the serving processes of all hosts. */
  readonly pids: readonly number[];
  /** @returns milliseconds from the promotion to the acknowledgement of every host */
  promote(version: number): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Inference hosts that follow a model's lifecycle on a Temporal server of their own.
 *
 * @param files of which `versions` versions are made, with the numbers from 1
 */
export async function startTemporalHosts(hosts: number, files: VersionFiles, versions: number): Promise<TemporalHosts> {
  const child = fork(compiledModule(new URL('./temporal-process.ts', import.meta.url)), [], { execArgv: [...compiledFlags] });
  const ask = async (message: ToTemporalProcess): Promise<FromTemporalProcess> => {
    const answered = new AbortController();
    const { signal } = answered;
    const ended = once(child, 'exit', { signal }).then(() => [{ kind: 'failed', message: 'the process with Temporal ended' }]);
    ended.catch(() => undefined);
    child.send(message);
    const [reply] = (await Promise.race([once(child, 'message', { signal }), ended])) as [FromTemporalProcess];
    answered.abort();
    if (reply.kind === 'failed') throw new Error(`Temporal: ${reply.message}`);
    return reply;
  };
  const stop = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  };
  const started = await ask({ kind: 'start', hosts, files, versions });
  if (started.kind !== 'started') throw new Error('Temporal: the hosts did not start.');
  return {
    ports: started.ports,
    pids: started.pids,
    async promote(version) {
      const promoted = await ask({ kind: 'promote', version });
      if (promoted.kind !== 'promoted' || promoted.acknowledged !== hosts) throw new Error('Temporal: not every host took the promotion.');
      return promoted.ms;
    },
    stop,
  };
}
