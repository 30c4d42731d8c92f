import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ValidationReport } from '../contracts/dataset.js';
import { parsePipelineWorkflowId } from '../contracts/ids.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import type { Settings } from '../workers/settings.js';
import { CommandError, usageError } from './command-error.js';
import { printJson, printLine } from './output.js';
import { writeOutputFile } from './output-file.js';
import { findRun, readRunStatus } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

/**
 * `anneal report`: what the validation of a run's data has found, also of a run that failed by it or waits for a decision.
 *
 * @throws CommandError when there is no such run, it has no report yet, or the artifact store cannot be read
 */
export async function report(run: string, { output, json }: { readonly output?: string; readonly json?: boolean }): Promise<void> {
  if (json && output !== undefined)
    throw usageError('Give --json or --output, not both: the one prints the report, the other writes a page.');
  const settings = commandSettings();
  const status = await withTemporal(settings, async (client) => readRunStatus(client, await findRun(client, run)));
  const { validationReport, validationPage } = status;
  if (!validationReport)
    throw new CommandError(
      `The run ${run} has no data report: its data have not been validated. "anneal show ${run}" shows how far it is.`,
    );
  if (json) {
    const bytes = await readArtifact(settings, validationReport);
    printJson(JSON.parse(bytes.toString()) as ValidationReport);
    return;
  }
  if (!validationPage)
    throw new CommandError(`The run ${run} was validated before reports had a page. "anneal report ${run} --json" prints what it found.`);
  const path = resolve(output ?? `${parsePipelineWorkflowId(status.workflowId)?.run ?? status.run}-data.html`);
  const page = await readArtifact(settings, validationPage);
  await writeOutputFile(path, (temporary) => writeFile(temporary, page));
  printLine(path);
}

async function readArtifact(settings: Settings, ref: ArtifactRef): Promise<Buffer> {
  try {
    return Buffer.from(await (await openArtifactStore(settings)).readBytes(ref));
  } catch (error) {
    throw new CommandError(
      `The report cannot be read from the artifact store ${settings.artifactStore ?? settings.artifacts}: ${(error as Error).message} Call the command where the run's store can be reached, with the same ANNEAL_HOME or ANNEAL_ARTIFACT_STORE.`,
      undefined,
      { cause: error },
    );
  }
}
