import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutorOptions } from '../executors/executor.js';
import type { AccessEntry } from '../access.js';
import type { HttpLimits, TlsIdentity } from '../http/http-server.js';
import { prepareVersion, type VersionFiles } from '../loader/prepare-version.js';
import { stageVersion } from '../loader/stage-version.js';
import type { CommandName, ReplyMessage, ServingCommands } from '../process-messages.js';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';

export interface TestProcessOptions {
  readonly executors?: ExecutorOptions;
  readonly access?: readonly AccessEntry[];
  readonly tls?: TlsIdentity;
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly start?: Partial<Pick<ServingCommands['start']['input'], 'logLevel' | 'predictionLog' | 'tracing'>>;
  /** Its output goes to whoever reads the child's streams. @default false: to that of this process */
  readonly isPiped?: boolean;
}

/** A real serving process for tests, with this process as its supervisor and loader. */
export async function startServingProcess(limits: HttpLimits = {}, expected: readonly string[] = [], options: TestProcessOptions = {}) {
  const child = fork(compiledModule(new URL('../process.ts', import.meta.url)), [], {
    execArgv: [...compiledFlags],
    env: { ...process.env, ...options.env },
    silent: options.isPiped ?? false,
  });
  const images = mkdtempSync(join(tmpdir(), 'anneal-images-'));
  let id = 0;
  const waiting = new Map<number, { resolve: (reply: ReplyMessage) => void; reject: (error: Error) => void }>();
  child.on('message', (reply: ReplyMessage) => {
    if (reply.id !== undefined) waiting.get(reply.id)?.resolve(reply);
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`The serving process ended (${signal ?? `exit code ${code}`}).`));
  });

  async function command<K extends CommandName>(name: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result']> {
    const reply = await new Promise<ReplyMessage>((resolve, reject) => {
      waiting.set(++id, { resolve, reject });
      child.send({ id, command: name, input });
    });
    if (!reply.ok) throw new Error(reply.message);
    return reply.result as ServingCommands[K]['result'];
  }

  const stage = async (model: string, version: string, files: VersionFiles) => {
    const prepared = await stageVersion((each) => prepareVersion(each, images), command, { model, version, files });
    return { goldenDifference: prepared.goldenDifference };
  };

  const { executors, access, tls } = options;
  await command('start', { logLevel: 'error', limits, expected, executors, ...options.start });
  const protection = { access, tls, isCurrent: true };
  const { port, grpcPort } = await command('listen', { host: '127.0.0.1', port: 0, grpcPort: 0, protection });
  return {
    child,
    port,
    grpcAddress: `127.0.0.1:${grpcPort}`,
    url: `http://127.0.0.1:${port}`,
    command,
    stage,
    async stop(): Promise<number | null> {
      rmSync(images, { recursive: true, force: true });
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'exit') as Promise<[number | null]>;
      if (child.connected) child.disconnect();
      return (await exited)[0];
    },
  };
}
