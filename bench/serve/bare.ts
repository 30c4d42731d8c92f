import { fork } from 'node:child_process';
import { once } from 'node:events';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';

/** Start `bare-server.ts` in a process of its own. */
export async function startBareServer(model: string): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const child = fork(compiledModule(new URL('./bare-server.ts', import.meta.url)), [model], { execArgv: [...compiledFlags] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { port, stop: async () => child.disconnect() };
}
