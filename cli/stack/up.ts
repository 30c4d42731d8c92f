import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import colors from 'picocolors';
import type { Settings } from '../../workers/settings.js';
import { CommandError, exitCodes, usageError } from '../command-error.js';
import { duration, printJson, printLine, printNote } from '../output.js';
import { projectRoot } from '../project-root.js';
import { commandSettings } from '../settings.js';
import { ensureHome } from './home-folder.js';
import { logPath, openLog } from './log-file.js';
import { requireProtection, StackRunsAlready, startStack, type Stack } from './stack.js';
import { stackCondition, type ServiceState, type StackState } from './stack-state.js';
import { listenForStop } from './stop-signal.js';

export interface UpOptions {
  readonly detach?: boolean;
  /** This process is the supervisor of a detached stack. */
  readonly supervise?: boolean;
  readonly json?: boolean;
}

/** What the supervisor of a detached stack tells the command that started it. */
type SupervisorMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'runs-already' }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: number };

/** `anneal up`: start the stack, in the foreground until it is stopped, or detached until it is ready. */
export async function up(options: UpOptions): Promise<void> {
  const settings = commandSettings(process.env, { sendsSpans: true });
  if (options.supervise) return superviseDetached(settings);
  const condition = stackCondition(settings.home);
  if (condition.kind === 'running') return sayRunning(condition.state, options);
  requireProtection(settings);
  try {
    if (options.detach) await startDetached(settings, options);
    else await runInForeground(settings, options);
  } catch (error) {
    if (!(error instanceof StackRunsAlready)) throw error;
    sayRunning(error.state, options);
  }
}

function sayRunning(state: StackState, { json }: UpOptions): void {
  if (json) printJson(state);
  else {
    printLine(`The stack runs already (process ${state.supervisor.pid}).`);
    sayAddresses(state);
  }
}

/** Where a person finds the parts. */
export function sayAddresses({ settings, httpUrl, grpcAddress }: StackState, say: (line: string) => void = printLine): void {
  say(`  Temporal   ${colors.cyan(settings.temporal.uiUrl)}  (server ${settings.temporal.address})`);
  say(`  MLflow     ${colors.cyan(settings.mlflow.uiUrl)}`);
  say(`  Inference  ${colors.cyan(httpUrl)}${grpcAddress === undefined ? '' : `  (gRPC ${grpcAddress})`}`);
}

/** A line for each part that is ready or had to be started again. */
export function serviceReporter(say: (line: string) => void): (service: ServiceState) => void {
  const startedAt = performance.now();
  const known = new Map<string, string>();
  return ({ name, state, restarts }) => {
    if (known.get(name) === state) return;
    known.set(name, state);
    if (state === 'ready')
      say(
        `  ${colors.green('✓')} ${name} ${colors.dim(restarts > 0 ? `is back (restart ${restarts})` : duration(performance.now() - startedAt))}`,
      );
    if (state === 'restarting') say(`  ${colors.yellow('!')} ${name} ended and is started again`);
  };
}

async function runInForeground(settings: Settings, { json }: UpOptions): Promise<void> {
  const say = json ? printNote : printLine;
  const stop = listenForStop(() => process.exit(exitCodes.interrupted));
  say(`Starting the stack in ${settings.home}`);
  const stack = await startStack(settings, { changed: serviceReporter(say) });
  try {
    await Promise.race([stack.whenReady(), stop.requested]);
    if (!stop.signal.aborted) {
      if (json) printJson(stack.state);
      else {
        printLine('The stack is up.');
        sayAddresses(stack.state);
        printLine(colors.dim('Ctrl-C stops it.'));
      }
      await stop.requested;
    }
  } finally {
    await stopInOrder(stack, say);
    stop.release();
  }
}

export async function stopInOrder(stack: Stack, say: (line: string) => void): Promise<void> {
  say('Stopping the stack: workers first, then the servers …');
  await stack.stop();
  say('The stack is stopped.');
}

async function startDetached(settings: Settings, { json }: UpOptions): Promise<void> {
  const path = logPath(settings.home, 'stack');
  ensureHome(settings.home);
  const log = openLog(path);
  const child = spawn(process.execPath, [join(projectRoot, 'cli', 'anneal.mjs'), 'up', '--supervise'], {
    detached: true,
    env: { ...process.env, npm_lifecycle_event: undefined },
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  if (!json) printLine(`Starting the stack in ${settings.home} (logs in ${join(settings.home, 'logs')})`);
  const message = await new Promise<SupervisorMessage>((resolve) => {
    child.once('message', (said: SupervisorMessage) => resolve(said));
    child.once('error', (error) => resolve({ type: 'failed', message: error.message, exitCode: 1 }));
    child.once('exit', (code) =>
      resolve({ type: 'failed', message: `The process behind the stack ended with ${code}. Its log is ${path}.`, exitCode: 1 }),
    );
  });
  if (child.connected) child.disconnect();
  child.unref();
  const condition = stackCondition(settings.home);
  // Another command was faster by a moment.
  if (message.type === 'runs-already' && condition.kind === 'running') throw new StackRunsAlready(condition.state);
  if (message.type === 'failed') {
    throw message.exitCode === 2 ? usageError(message.message) : new CommandError(message.message);
  }
  if (condition.kind !== 'running') throw new CommandError(`The stack ended again at once. Its log is ${path}.`);
  if (json) printJson(condition.state);
  else {
    printLine('The stack is up. "anneal down" stops it.');
    sayAddresses(condition.state);
  }
}

async function superviseDetached(settings: Settings): Promise<void> {
  const stop = listenForStop();
  let stack: Stack | undefined;
  const tell = (message: SupervisorMessage) => {
    if (process.connected) process.send?.(message);
  };
  try {
    stack = await startStack(settings, { detached: true, changed: serviceReporter(logLine) });
    await Promise.race([stack.whenReady(), stop.requested]);
    tell({ type: 'ready' });
    await stop.requested;
    await stack.stop();
  } catch (error) {
    await stack?.stop();
    if (error instanceof StackRunsAlready) tell({ type: 'runs-already' });
    else tell({ type: 'failed', message: (error as Error).message, exitCode: error instanceof CommandError ? error.exitCode : 1 });
    process.exitCode = 1;
  } finally {
    if (process.connected) process.disconnect();
    stop.release();
  }
}

/** A write to a log on a full disk fails at once; the stack runs on. */
function logLine(line: string): void {
  try {
    printLine(line);
  } catch {
    // It is about the parts, and `anneal status` shows them.
  }
}
