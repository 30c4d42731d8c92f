import { extname, resolve } from 'node:path';
import type { ValidationReport } from '../contracts/dataset.js';
import { parsePipelineWorkflowId } from '../contracts/ids.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { CommandError, usageError } from './command-error.js';
import { count, printJson, printLine } from './output.js';
import { writeOutputFile } from './output-file.js';
import { rowFileFormats } from './row-file-formats.js';
import { findRun, readRunStatus } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

/**
 * `anneal quarantine`: the rows that a run's validation took out, as they came, with their number and the reason.
 *
 * @throws CommandError when the run has not validated its data, or took no row out
 */
export async function quarantine(run: string, { output, json }: { readonly output?: string; readonly json?: boolean }): Promise<void> {
  const format = rowFileFormats[extname(output ?? 'rows.csv').toLowerCase()];
  if (!format) throw usageError(`Rows cannot be written as "${output}". End its name in ${Object.keys(rowFileFormats).join(', ')}.`);
  const settings = commandSettings();
  const status = await withTemporal(settings, async (client) => readRunStatus(client, await findRun(client, run)));
  if (!status.validationReport)
    throw new CommandError(`The run ${run} has not validated its data yet. "anneal show ${run}" shows how far it is.`);
  const store = await openArtifactStore(settings);
  const report = await store.readJson<ValidationReport>(status.validationReport);
  if (!report.quarantine) throw new CommandError(`The run ${run} took no row out: each of the ${count(report.rows)} rows met the rules.`);
  const path = resolve(output ?? `${parsePipelineWorkflowId(status.workflowId)?.run ?? status.run}-quarantine.csv`);
  const parquet = await store.localPath(report.quarantine);
  await writeOutputFile(path, (temporary) => writeRows(parquet, temporary, format.copyOptions, settings.home));
  const rows = report.quarantined.reduce((sum, group) => sum + group.rows, 0);
  if (json) printJson({ run, path, rows, quarantined: report.quarantined });
  else
    printLine(`${count(rows)} rows in ${path}: ${report.quarantined.map((group) => `${group.reason} (${count(group.rows)})`).join(', ')}`);
}

/** @param format DuckDB's options of COPY */
export async function writeRows(parquet: string, path: string, format: string, home: string): Promise<void> {
  const [{ withDataSession }, { pathLiteral, textLiteral }] = await Promise.all([
    import('../ml/data/duckdb-session.js'),
    import('../ml/data/sql-quoting.js'),
  ]);
  await withDataSession({ scratchRoot: resolve(home, 'scratch') }, (session) =>
    session.run(
      `COPY (SELECT * FROM read_parquet(${pathLiteral(parquet)}, hive_partitioning = false)) TO ${textLiteral(path)} (${format})`,
    ),
  );
}
