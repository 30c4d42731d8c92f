import { existsSync, writeFileSync } from 'node:fs';
import type { SnapshotManifest, ValidationReport } from '../contracts/dataset.js';
import type { FrozenSchema, PipelineSpec } from '../contracts/pipeline.js';
import { resolveWindow } from '../contracts/pipeline/window.js';
import type { DataContext } from '../ml/data/data-context.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { openRemoteFiles } from '../stores/open-remote-files.js';
import type { Settings } from '../workers/settings.js';
import { CommandError, exitCodes, usageError } from './command-error.js';
import { findPipelineFile, loadPipeline } from './load-pipeline.js';
import { count, printJson, printLine, printNote } from './output.js';
import { projectRoot } from './project-root.js';
import { findRun, readRunStatus } from './runs.js';
import { schemaChanges, withDecisions } from './schema-changes.js';
import { formatSchema, readSchemaFile, schemaPath } from './schema-file.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

export interface SchemaOptions {
  readonly fromRun?: string;
  readonly write?: boolean;
  readonly check?: boolean;
  /** With `check`: any difference fails. */
  readonly exact?: boolean;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/**
 * `anneal schema`: what the data of a pipeline are like, as the file that later data are held against.
 *
 * What somebody decided in the file (optional columns, keys, limits) stays. Equal data give equal files.
 *
 * @throws CommandError when the source, the run or the file cannot be used
 */
export async function schema(pipeline: string, { fromRun, write, check, exact, set, json }: SchemaOptions): Promise<void> {
  if (write && check) throw usageError('Give --write or --check, not both: the one writes the file, the other compares it.');
  const path = schemaPath(findPipelineFile(pipeline));
  const spec = await loadPipeline(pipeline, set);
  const file = readSchemaFile(path);
  const settings = commandSettings();
  if (exact && !check) throw usageError('Give --exact together with --check: it says how strictly the file is compared.');
  // What a run has validated was held against the schema that it started with, so only the schemas can be compared.
  if (check && !exact && !fromRun && file) return checkLimits(settings, { ...spec, schema: file }, path, json);
  const inferred = withDecisions(await (fromRun ? fromRunReport(settings, spec, fromRun) : fromSource(settings, spec)), file);
  const changes = file && formatSchema(file) === formatSchema(inferred) ? [] : schemaChanges(file, inferred);
  const isEqual = file !== undefined && formatSchema(file) === formatSchema(inferred);
  if (write && !isEqual) writeFileSync(path, formatSchema(inferred));
  if (json) printJson({ path, exists: existsSync(path), equal: isEqual, schema: inferred });
  else sayChanges({ path, changes, isEqual, isNew: file === undefined, isWritten: write === true, rows: inferred.rows });
  if (check && !isEqual) process.exitCode = exitCodes.failed;
}

/** Holds the data against the file as a run does; what a run would stop for, and drift beyond its limit, fail. */
async function checkLimits(settings: Settings, spec: PipelineSpec, path: string, json?: boolean): Promise<void> {
  const { report } = await validateSource(settings, spec);
  const anomalies = report.anomalies.filter(({ rule, expected }) => schemaRules.has(rule) || expected.includes('the frozen schema'));
  const isBeyond = anomalies.some(({ severity, rule }) => severity === 'error' || rule === 'drift');
  if (json) printJson({ path, exists: true, within: !isBeyond, anomalies });
  else {
    for (const { severity, rule, column, found, expected } of anomalies)
      printLine(
        `${severity === 'error' || rule === 'drift' ? 'beyond' : 'warns '}  ${column ?? 'the columns'}: ${rule}, ${found} (expected ${expected})`,
      );
    if (isBeyond) printNote(`The data are beyond what ${path} allows. Mend them at their source; --write takes the new schema over.`);
    else printLine(`${count(report.rows)} rows of the data are within the limits of ${path}.`);
  }
  if (isBeyond) process.exitCode = exitCodes.failed;
}

/** Of the columns themselves; other findings name the frozen schema as what was expected. */
const schemaRules = new Set(['missing-column', 'extra-column', 'schema-column', 'type-change']);

interface Outcome {
  readonly path: string;
  readonly changes: readonly string[];
  readonly isEqual: boolean;
  readonly isNew: boolean;
  readonly isWritten: boolean;
  readonly rows: number;
}

function sayChanges({ path, changes, isEqual, isNew, isWritten, rows }: Outcome): void {
  if (isEqual) return printLine(`The schema ${path} is what ${count(rows)} rows of the data are like.`);
  for (const change of changes) printLine(change);
  if (isWritten) printNote(`Written to ${path}. Review it and keep it with the pipeline; the next run is held against it.`);
  else if (isNew) printNote(`There is no ${path} yet; --write makes it.`);
  else printNote(`The data differ from ${path}; --write takes the new schema over.`);
}

/** From the report of a run's validation, also one that waits for a decision about its data. */
async function fromRunReport(settings: Settings, spec: PipelineSpec, run: string): Promise<FrozenSchema> {
  const status = await withTemporal(settings, async (client) => readRunStatus(client, await findRun(client, run)));
  if (status.pipeline !== spec.name)
    throw usageError(
      `The run ${run} is one of ${status.pipeline}, not of ${spec.name}. "anneal runs --pipeline ${spec.name}" lists those.`,
    );
  if (!status.validationReport) throw new CommandError(`The run ${run} has not validated its data yet. Wait for it, or take another run.`);
  return inferFrom(await (await openArtifactStore(settings)).readJson<ValidationReport>(status.validationReport));
}

/** Reads the source; the old schema has no say in the new one. */
async function fromSource(settings: Settings, spec: PipelineSpec): Promise<FrozenSchema> {
  const { columns, report } = await validateSource(settings, { ...spec, schema: undefined });
  return inferFrom({ columns, ...report });
}

/** Reads and validates the source here; what was read before is not read again. */
async function validateSource(
  settings: Settings,
  spec: PipelineSpec,
): Promise<{ readonly columns: SnapshotManifest['columns']; readonly report: ValidationReport }> {
  const [{ ingestSource }, { validateDataset }] = await Promise.all([
    import('../ml/data/ingest/ingest-source.js'),
    import('../ml/data/validate/validate-dataset.js'),
  ]);
  const store = await openArtifactStore(settings);
  const context: DataContext = { store, remote: openRemoteFiles(settings.s3), scratchRoot: settings.scratch };
  const window = spec.source.window && resolveWindow(spec.source.window, Date.now());
  const snapshot = await ingestSource(spec.source, projectRoot, context, window);
  const { report } = await validateDataset({ snapshot, spec }, context);
  const manifest = await store.readJson<SnapshotManifest>(snapshot.manifest);
  return { columns: manifest.columns, report: await store.readJson<ValidationReport>(report) };
}

async function inferFrom(report: ValidationReport): Promise<FrozenSchema> {
  const { inferSchema } = await import('../ml/data/checks/infer-schema.js');
  if (!report.columns)
    throw new CommandError('The report of that run is of an older kind, without the types of the columns. Start a new run.');
  return inferSchema(report, report.columns);
}
