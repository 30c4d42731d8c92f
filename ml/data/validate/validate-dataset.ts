import { join } from 'node:path';
import type { ValidationResult } from '../../../contracts/activities.js';
import type { Anomaly, Snapshot, SnapshotManifest, ValidationReport } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { describeSource } from '../../../contracts/pipeline/source.js';
import type { ArtifactRef } from '../../../contracts/reference.js';
import { lastAccepted } from './accepted-data.js';
import { checkCleanRows } from '../checks/clean-checks.js';
import type { DataContext } from '../data-context.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { firstLine } from '../../first-line.js';
import { parquetOptions } from '../parquet-options.js';
import { partRelation, undividedRelation } from '../split/part-relation.js';
import { renderDataReport } from '../report/render-data-report.js';
import { checkRows, type RowCheck } from './row-checks.js';
import { checkSchema, type Schema } from './schema-check.js';
import { identifier, pathLiteral, textLiteral } from '../sql-quoting.js';
import { describeSnapshot, type DividedRows } from '../statistics/describe-snapshot.js';
import { checkTarget } from './target-checks.js';
import { assertTargetIsSound, targetColumn, targetFailure } from '../target-column.js';

/**
 * Hold a snapshot against a pipeline's expectations.
 *
 * Rows that break a rule are taken out into a quarantine file; the others become the clean Parquet: the declared
 * columns in their types and the target as `__target` (BOOLEAN, VARCHAR or DOUBLE by task). The report goes to the store
 * in every case, bad data are a result and no failure. Safe to repeat: equal snapshots and expectations give equal clean files.
 *
 * @throws AnnealError `InvalidPipeline` when an expectation or the target expression cannot be applied
 */
export async function validateDataset(
  input: { readonly snapshot: Snapshot; readonly spec: PipelineSpec },
  context: DataContext,
): Promise<ValidationResult> {
  const { snapshot, spec } = input;
  const { store, onProgress } = context;
  const manifest = await store.readJson<SnapshotManifest>(snapshot.manifest);
  const paths = await Promise.all(manifest.parts.map(({ data }) => store.localPath(data)));
  return withDataSession(context, async (session) => {
    onProgress?.({ phase: 'schema', totalRows: snapshot.rows });
    const schema = await checkSchema(session, paths, manifest, spec);
    const conclude = (findings: Findings) => {
      onProgress?.({ phase: 'statistics', totalRows: snapshot.rows });
      return report(session, { snapshot, spec, schema, findings }, context);
    };
    if (schema.anomalies.some(isError)) return conclude({ anomalies: schema.anomalies });

    onProgress?.({ phase: 'rules', totalRows: snapshot.rows });
    await assertTargetIsSound(session, spec.target, schema.view);
    const checked = await checkRows(session, schema, spec, snapshot.rows).catch((error: unknown) => {
      throw isExpressionFailure(error) ? targetFailure(spec.target, error) : error;
    });
    const anomalies = [...schema.anomalies, ...checked.anomalies];
    const quarantine = checked.quarantine && (await store.putFile(checked.quarantine.path));
    const found = { anomalies, checked, quarantine };
    if (checked.clean === 0) return conclude(found);

    onProgress?.({ phase: 'clean rows', rows: checked.clean, totalRows: snapshot.rows });
    const path = await writeClean(session, checked, schema, spec);
    const target = await checkTarget(session, `read_parquet(${pathLiteral(path)}, hive_partitioning = false)`, spec);
    anomalies.push(...target.anomalies);
    const divided = await divide(session, path, checked, spec);
    if (anomalies.some(isBeyondRepair)) return conclude({ ...found, divided, target: target.summary });

    onProgress?.({ phase: 'checks', rows: checked.clean, totalRows: snapshot.rows });
    const accepted = await lastAccepted(context, spec.name);
    const relation = divided.clean;
    anomalies.push(...(await checkCleanRows(session, { relation, rows: checked.clean, columns: schema.columns, spec, accepted })));
    return conclude({ ...found, divided, target: target.summary, clean: await store.putFile(path) });
  });
}

/** What the checks have come to; the later ones are absent where an earlier one ended them. */
interface Findings {
  readonly anomalies: readonly Anomaly[];
  readonly checked?: RowCheck;
  readonly quarantine?: ArtifactRef;
  readonly divided?: DividedRows;
  readonly target?: ValidationReport['target'];
  readonly clean?: ArtifactRef;
}

/** Describe the data, and store the report and its page. */
async function report(
  session: DataSession,
  { snapshot, spec, schema, findings }: { snapshot: Snapshot; spec: PipelineSpec; schema: Schema; findings: Findings },
  { store }: DataContext,
): Promise<ValidationResult> {
  const { anomalies, checked, quarantine, divided, target = {}, clean } = findings;
  const passed = !anomalies.some(isError);
  const quarantined = checked?.quarantined ?? [];
  const described = await describeSnapshot(session, { schema, divided, spec, rows: snapshot.rows });
  const content: ValidationReport = {
    passed,
    rows: snapshot.rows,
    anomalies,
    quarantined,
    columns: schema.source,
    ...described,
    target,
    ...(quarantine ? { quarantine } : {}),
  };
  const ref = await store.putJson(content);
  return {
    report: ref,
    page: await store.putBytes(Buffer.from(renderDataReport(content, spec))),
    passed,
    ...(clean ? { clean } : {}),
    rows: clean ? checked!.clean : 0,
    quarantined,
    anomalies: gravest(anomalies),
    ...(passed ? {} : { refusal: refusal(spec, anomalies) }),
  };
}

function isError(anomaly: Anomaly): boolean {
  return anomaly.severity === 'error';
}

/** Of a table with hundreds of columns the report holds all findings; what travels through workflows is bounded. */
const travellingAnomalies = 100;

function gravest(anomalies: readonly Anomaly[]): readonly Anomaly[] {
  if (anomalies.length <= travellingAnomalies) return anomalies;
  return anomalies.toSorted((a, b) => Number(isError(b)) - Number(isError(a))).slice(0, travellingAnomalies);
}

/** Errors that nobody can decide to overlook: there is nothing to learn from such a target. */
function isBeyondRepair({ severity, rule }: Anomaly): boolean {
  return severity === 'error' && ['one-class', 'constant-target'].includes(rule);
}

/** @returns path of the file in the session's scratch directory */
async function writeClean(session: DataSession, checked: RowCheck, schema: Schema, spec: PipelineSpec): Promise<string> {
  const path = join(session.scratch, 'clean.parquet');
  const columns = [...schema.columns.map(({ name }) => identifier(name)), targetColumn].join(', ');
  await session.run(`COPY (SELECT ${columns} FROM ${checked.cleanView}) TO ${textLiteral(path)} (${parquetOptions(spec)})`);
  return path;
}

async function divide(session: DataSession, cleanPath: string, { quarantine }: RowCheck, spec: PipelineSpec): Promise<DividedRows> {
  const others = quarantine ? { quarantined: quarantine.typedView } : {};
  try {
    return { clean: await partRelation(session, cleanPath, spec), isDivided: true, ...others };
  } catch (error) {
    // Rows that cannot be divided are refused by the next stage, in its words.
    if (!(error instanceof AnnealError && error.type === failureTypes.invalidData)) throw error;
    return { clean: await undividedRelation(session, cleanPath, spec), isDivided: false, ...others };
  }
}

/** What DuckDB says when a row's values, not the query, are the trouble. Columns are read by casts that cannot fail, so it is the target. */
function isExpressionFailure(error: unknown): boolean {
  return /^(Conversion|Out of Range|Invalid Input|Mismatch Type) Error/.test(firstLine(error));
}

function refusal(spec: PipelineSpec, anomalies: readonly Anomaly[]): string {
  const errors = anomalies.filter(isError);
  const shown = errors.slice(0, 5).map((anomaly) => {
    const subject = anomaly.column === undefined ? 'the data' : `column "${anomaly.column}"`;
    return `${subject}: expected ${anomaly.expected}, found ${anomaly.found}`;
  });
  const more = errors.length > shown.length ? `; and ${errors.length - shown.length} more` : '';
  return `The data of "${describeSource(spec.source)}" do not meet the expectations of the pipeline "${spec.name}": ${shown.join('; ')}${more}. Correct the data at their source, which a run that waits notices by itself, or the expectation in the pipeline (columns, expectations, target) and start a new run.`;
}
