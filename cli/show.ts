import { exitCodes } from './command-error.js';
import { runLinks } from './links.js';
import { printJson, printLine, printNote } from './output.js';
import { liveView } from './progress/live-view.js';
import { linkLines, resultView } from './progress/result-view.js';
import { readRunSnapshot } from './progress/run-snapshot.js';
import { endedStatus, watchRun } from './progress/watch-run.js';
import { findRun, readRunStatus } from './runs.js';
import { commandSettings } from './settings.js';
import { listenForStop } from './stack/stop-signal.js';
import { withTemporal } from './temporal.js';

/** `anneal show`: a run as it is now or was at its end. */
export async function show(run: string, { wait, json }: { readonly wait?: boolean; readonly json?: boolean }): Promise<void> {
  const settings = commandSettings();
  await withTemporal(settings, async (client) => {
    const workflowId = await findRun(client, run);
    await readRunStatus(client, workflowId); // a clear error when nobody answers
    if (wait) {
      const stop = listenForStop();
      const output = json ? process.stderr : process.stdout;
      const ended = await watchRun(client, workflowId, { output, signal: stop.signal }).finally(() => stop.release());
      if (!ended) {
        printNote(`The run ${run} goes on. "anneal show ${run}" shows how far it is; "anneal cancel ${run}" ends it.`);
        process.exitCode = exitCodes.interrupted;
        return;
      }
    }
    const snapshot = await readRunSnapshot(client, workflowId);
    const { status: execution } = await client.workflow.getHandle(workflowId).describe();
    const status = execution.name === 'RUNNING' ? snapshot.status : endedStatus(snapshot.status, execution.name);
    const links = runLinks(settings, status);
    if (json) {
      printJson({ ...status, ...(snapshot.sweep ? { sweep: snapshot.sweep } : {}), trainings: snapshot.trainings, links });
      return;
    }
    if (!wait) for (const line of liveView({ ...snapshot, status }, status.endedAtMs ?? Date.now())) printLine(line);
    const result = status.awaitsOverride && !wait ? linkLines(links) : resultView(status, links);
    for (const line of ['', ...result]) printLine(line);
  });
}
