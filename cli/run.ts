import { exitCodes } from './command-error.js';
import { workflowPage } from './links.js';
import { loadPipeline } from './load-pipeline.js';
import { printJson, printLine, printNote } from './output.js';
import { resultView } from './progress/result-view.js';
import { watchRun } from './progress/watch-run.js';
import { runReport } from './run-report.js';
import { startRun } from './runs.js';
import { commandSettings } from './settings.js';
import { listenForStop } from './stack/stop-signal.js';
import { withTemporal } from './temporal.js';
import { parsePipelineWorkflowId } from '../contracts/ids.js';

export interface RunOptions {
  readonly wait?: boolean;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/** `anneal run`: start a run and, with `--wait`, show it to its end. Ctrl-C leaves it going. */
export async function run(pipeline: string, { wait, set, json }: RunOptions): Promise<void> {
  const spec = await loadPipeline(pipeline, set);
  const settings = commandSettings();
  await withTemporal(settings, async (client) => {
    const workflowId = await startRun(client, spec);
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
    const ended = await watchRun(client, workflowId, { output: json ? process.stderr : process.stdout, signal: stop.signal }).finally(() =>
      stop.release(),
    );
    if (!ended) {
      say(`The run ${id} goes on. "anneal show ${id}" shows how far it is.`);
      process.exitCode = exitCodes.interrupted;
      return;
    }
    const report = runReport(settings, ended);
    if (json) printJson(report);
    else for (const line of ['', ...resultView(ended, report.links)]) printLine(line);
    process.exitCode = ended.state === 'promoted' ? exitCodes.done : exitCodes.failed;
  });
}
