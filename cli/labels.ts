import type { LabelIssuesReport } from '../contracts/cross-validation.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import type { Settings } from '../workers/settings.js';
import { CommandError } from './command-error.js';
import { printJson, printLine } from './output.js';
import { labelIssuesView } from './progress/label-issues-view.js';
import { findRun, readRunStatus } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

/**
 * `anneal labels`: the rows whose label the cross-validation of a run doubts most, as they came.
 *
 * @throws CommandError when there is no such run, it looked for no mislabelled rows, or the artifact store cannot be read
 */
export async function labels(run: string, { limit, json }: { readonly limit: number; readonly json?: boolean }): Promise<void> {
  const settings = commandSettings();
  const status = await withTemporal(settings, async (client) => readRunStatus(client, await findRun(client, run)));
  const found = status.crossValidation?.labelIssues;
  if (!found)
    throw new CommandError(
      `The run ${run} has no report of mislabelled rows. A pipeline with crossValidation: { kind: 'k-fold', labelIssues: true } makes one when its cross-validation has ended; "anneal show ${run}" shows how far it is.`,
    );
  const report = await readReport(settings, found.report);
  if (json) return printJson({ ...report, issues: report.issues.slice(0, limit) });
  for (const line of labelIssuesView(report, limit)) printLine(line);
}

async function readReport(settings: Settings, ref: ArtifactRef): Promise<LabelIssuesReport> {
  try {
    return await (await openArtifactStore(settings)).readJson<LabelIssuesReport>(ref);
  } catch (error) {
    throw new CommandError(
      `The report cannot be read from the artifact store ${settings.artifactStore ?? settings.artifacts}: ${(error as Error).message} Call the command where the run's store can be reached, with the same ANNEAL_HOME or ANNEAL_ARTIFACT_STORE.`,
      undefined,
      { cause: error },
    );
  }
}
