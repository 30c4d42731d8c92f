import { inCommandSpan } from './command-tracing.js';
import { exitCodes } from './command-error.js';
import { workflowPage } from './links.js';
import { loadInWindow } from './load-in-window.js';
import { storeModule } from './submit-pipeline.js';
import { printJson, printLine, printNote } from './output.js';
import { resultView } from './progress/result-view.js';
import { watchRun } from './progress/watch-run.js';
import { runReport, type WaitingStatus } from './run-report.js';
import { startRun } from './runs.js';
import { commandSettings } from './settings.js';
import { listenForStop } from './stack/stop-signal.js';
import { withTemporal } from './temporal.js';
import { parsePipelineWorkflowId } from '../contracts/ids.js';
import type { PipelineStatus } from '../contracts/training-pipeline.js';

export interface RunOptions {
  readonly wait?: boolean;
  readonly set?: readonly string[];
  /** Begin and end of the source's window. */
  readonly since?: string;
  readonly until?: string;
  readonly json?: boolean;
}

/**
 * `anneal run`: start a run and, with `--wait`, show it to its end. Ctrl-C leaves it going.
 *
 * A run that begins to wait for a decision about its data is shown on at a terminal, and left to wait in a script.
 */
export async function run(pipeline: string, { wait, set = [], since, until, json }: RunOptions): Promise<void> {
  const spec = await storeModule(await loadInWindow(pipeline, set, { since, until }), pipeline);
  const settings = commandSettings(process.env, { sendsSpans: true });
  await withTemporal(settings, async (client) => {
    const workflowId = await inCommandSpan(settings, 'anneal run', { 'anneal.pipeline': spec.name }, () => startRun(client, spec));
    const { run: id } = parsePipelineWorkflowId(workflowId)!;
    const page = workflowPage(settings, workflowId);
    if (!wait) {
      if (json) printJson({ run: id, status: 'running', model: spec.name, workflowId, links: { temporal: page } });
      else printLine(`Started run ${id} of ${spec.name}. "anneal show ${id}" shows it, so does ${page}.`);
      return;
    }
    const stop = listenForStop();
    const say = json ? printNote : printLine;
    if (!json) say(`Run ${id} of ${spec.name}: ${page}`);
    // Nobody sits before a script to decide; at a terminal somebody may decide in another one.
    const leavesForDecision = json === true || !process.stdout.isTTY;
    let waiting: WaitingStatus | undefined;
    const leave = (status: PipelineStatus): boolean => {
      if (leavesForDecision && isWaiting(status)) waiting = status;
      return waiting !== undefined;
    };
    const output = json ? process.stderr : process.stdout;
    const ended = (await watchRun(client, workflowId, { output, signal: stop.signal, leave }).finally(() => stop.release())) ?? waiting;
    if (!ended) {
      say(`The run ${id} goes on. "anneal show ${id}" shows how far it is; "anneal cancel ${id}" ends it.`);
      process.exitCode = exitCodes.interrupted;
      return;
    }
    const report = runReport(settings, ended);
    if (json) printJson(report);
    else for (const line of ['', ...resultView(ended, report.links)]) printLine(line);
    process.exitCode = ended.state === 'promoted' ? exitCodes.done : exitCodes.failed;
  });
}

function isWaiting(status: PipelineStatus): status is WaitingStatus {
  return status.state === 'awaiting-override';
}
