import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import colors from 'picocolors';
import { parsePipelineWorkflowId } from '../contracts/ids.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import type { Settings } from '../workers/settings.js';
import { inCommandSpan } from './command-tracing.js';
import { CommandError, exitCodes } from './command-error.js';
import { workflowPage } from './links.js';
import { pipelineToSubmit } from './submit-pipeline.js';
import { printLine } from './output.js';
import { resultView } from './progress/result-view.js';
import { watchRun, type EndedStatus } from './progress/watch-run.js';
import { runReport } from './run-report.js';
import { listRuns, startRun } from './runs.js';
import { samplePrediction } from './sample-prediction.js';
import { commandSettings } from './settings.js';
import { isTemporalServing } from './stack/health.js';
import { requireProtection, startStack, StackRunsAlready, type Stack } from './stack/stack.js';
import { stackCondition } from './stack/stack-state.js';
import { listenForStop, type StopRequest } from './stack/stop-signal.js';
import { sayAddresses, serviceReporter, stopInOrder } from './stack/up.js';
import { withTemporal } from './temporal.js';

export interface StartOptions {
  readonly exit?: boolean;
  readonly set?: readonly string[];
}

const temporalWaitMs = 60_000;

/**
 * `npm start`: stack up → run → result → a prediction over HTTP → stay until Ctrl-C (or stop, with `--exit`).
 *
 * A stack that runs already is used and left running. Ctrl-C during the run stops the stack in order; the run itself
 * stays in Temporal's database and is taken up by the next start.
 */
export async function start(pipeline: string, { exit, set }: StartOptions): Promise<void> {
  const spec = await pipelineToSubmit(pipeline, set);
  const stop = listenForStop(() => process.exit(exitCodes.interrupted));
  const notes: string[] = [];
  let sayLater = false;
  const report = serviceReporter((line) => (sayLater ? void notes.push(line) : printLine(line)));
  const stack = await startOrReuse(commandSettings(process.env, { sendsSpans: true }), report);
  const settings = commandSettings();
  try {
    const ready = stack ? stack.whenReady() : Promise.resolve();
    ready.catch(() => undefined); // looked at below, where it can end the run's display
    await (stack ? Promise.race([stack.whenReady(['temporal']), stop.requested]) : waitForTemporal(settings, stop));
    if (stop.signal.aborted) return interrupted(stack !== undefined);
    await withTemporal(settings, async (client) => {
      sayLater = process.stdout.isTTY;
      const cannotStart = ready.then(() => new Promise<never>(() => undefined));
      const ended = await Promise.race([runAndShow(client, settings, spec, stop, notes), cannotStart]);
      sayLater = false;
      for (const note of notes.splice(0)) printLine(note);
      if (!ended) return interrupted(stack !== undefined, spec.name);
      const answered = await showResult(client, settings, ended);
      process.exitCode = ended.state === 'promoted' && answered ? exitCodes.done : exitCodes.failed;
    });
    if (exit || stop.signal.aborted) return;
    await stayUp(settings, stop, stack !== undefined);
  } finally {
    if (stack) await stopInOrder(stack, printLine);
    else if (exit) printLine('The stack ran before and is left running; "anneal down" stops it.');
    stop.release();
  }
}

/** @returns the stack when it is ours to stop */
async function startOrReuse(settings: Settings, report: ReturnType<typeof serviceReporter>): Promise<Stack | undefined> {
  const condition = stackCondition(settings.home);
  if (condition.kind !== 'running') {
    requireProtection(settings);
    printLine(`Starting the stack in ${settings.home}: Temporal, MLflow, the workers, the inference host`);
    try {
      return await startStack(settings, { changed: report });
    } catch (error) {
      if (!(error instanceof StackRunsAlready)) throw error;
    }
  }
  printLine('Using the stack that runs already.');
  return undefined;
}

async function waitForTemporal(settings: Settings, stop: StopRequest): Promise<void> {
  const deadline = performance.now() + temporalWaitMs;
  while (!stop.signal.aborted && !(await isTemporalServing(settings))) {
    if (performance.now() > deadline) {
      throw new CommandError(
        `The stack runs, but its Temporal server does not answer at ${settings.temporal.address}. "anneal status" shows its parts; "anneal down" stops it, so that it can be started anew.`,
      );
    }
    await sleep(250);
  }
}

/** Take up the pipeline's unfinished run, or start one, and show it to its end. */
async function runAndShow(
  client: Client,
  settings: Settings,
  spec: PipelineSpec,
  stop: StopRequest,
  notes: string[],
): Promise<EndedStatus | undefined> {
  const [unfinished] = await listRuns(client, { pipeline: spec.name, state: 'Running', limit: 1 });
  const begin = () => inCommandSpan(settings, 'anneal start', { 'anneal.pipeline': spec.name }, () => startRun(client, spec));
  const workflowId = unfinished?.workflowId ?? (await begin());
  const { run } = parsePipelineWorkflowId(workflowId)!;
  printLine(unfinished ? `Run ${run} of ${spec.name} is not finished; it goes on where it was.` : `Started run ${run} of ${spec.name}.`);
  printLine(`  ${colors.cyan(workflowPage(settings, workflowId))}\n`);
  return watchRun(client, workflowId, { output: process.stdout, signal: stop.signal, notes });
}

/** @returns whether the promoted version answered a request */
async function showResult(client: Client, settings: Settings, ended: EndedStatus): Promise<boolean> {
  const { links, model, version } = runReport(settings, ended);
  printLine();
  for (const line of resultView(ended, links)) printLine(line);
  if (ended.state !== 'promoted') return false;
  const sample = await samplePrediction(client, settings, model);
  printLine(`\nA prediction over HTTP, for a row of the test split:\n  ${colors.dim('$')} ${sample.command}\n  ${sample.answerText}`);
  if (sample.answer.version === version) return true;
  printLine(colors.yellow(`  The host answers with version ${sample.answer.version}, not with version ${version}.`));
  return false;
}

async function stayUp(settings: Settings, stop: StopRequest, ownsStack: boolean): Promise<void> {
  const condition = stackCondition(settings.home);
  if (!ownsStack) {
    printLine('\nThe stack that ran before stays up; "anneal down" stops it.');
    return;
  }
  printLine('\nEverything stays up:');
  if (condition.kind === 'running') sayAddresses(condition.state);
  printLine(colors.dim('Ctrl-C stops it; "npx anneal --help" in another terminal shows what else there is.'));
  await stop.requested;
}

function interrupted(ownsStack: boolean, pipeline?: string): void {
  const when = ownsStack ? 'It goes on when the stack is up again: "npm start" takes it up.' : 'It goes on; "anneal runs" shows it.';
  if (pipeline) printLine(`\nThe run of ${pipeline} is not finished. ${when}`);
  process.exitCode = exitCodes.interrupted;
}
