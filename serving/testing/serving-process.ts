import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HttpLimits } from '../http-server.js';
import type { CommandName, ReplyMessage, ServingCommands } from '../process-messages.js';
import { typescriptExecArgv } from '../../ml/child/typescript-child.js';

/** A real serving process for tests, with this process as its supervisor. */
export async function startServingProcess(limits: HttpLimits = {}, expected: readonly string[] = []) {
  const child = fork(fileURLToPath(new URL('../process.ts', import.meta.url)), [], { execArgv: [...typescriptExecArgv] });
  let id = 0;
  const waiting = new Map<number, (reply: ReplyMessage) => void>();
  child.on('message', (reply: ReplyMessage) => waiting.get(reply.id)?.(reply));

  async function command<K extends CommandName>(name: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result']> {
    const reply = await new Promise<ReplyMessage>((resolve) => {
      waiting.set(++id, resolve);
      child.send({ id, command: name, input });
    });
    if (!reply.ok) throw new Error(reply.message);
    return reply.result as ServingCommands[K]['result'];
  }

  const { port } = await command('start', { host: '127.0.0.1', port: 0, logLevel: 'error', limits, expected });
  return {
    child,
    port,
    url: `http://127.0.0.1:${port}`,
    command,
    async stop(): Promise<number | null> {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'exit') as Promise<[number | null]>;
      if (child.connected) child.disconnect();
      return (await exited)[0];
    },
  };
}
