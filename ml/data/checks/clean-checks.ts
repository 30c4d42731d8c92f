import type { Anomaly, ValidationReport } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import type { Schema } from '../validate/schema-check.js';
import type { CheckContext } from './check-context.js';
import { sampleClean } from './clean-sample.js';
import { columnChecks } from './column-checks.js';
import { fewDistinctRows } from './distinct-rows.js';
import { driftChecks } from './drift-checks.js';
import { duplicateKeys, duplicateRows } from './duplicate-checks.js';
import { leakageChecks } from './leakage-checks.js';
import { splitOverlap, targetDrift } from './split-checks.js';
import { suspiciousColumns } from './suspicious-values.js';
import { timeGaps } from './time-gaps.js';

/**
 * Everything that is checked of the rows that broke no rule: against the pipeline, the frozen schema, the last accepted
 * data, and for what would make the experiment a deception.
 *
 * Where a part of the rows tells enough, a sample that equal data draw equally is looked at.
 *
 * @param relation name of the view of `partRelation` with all clean rows
 * @param accepted report of the data that the pipeline went on with last, if any
 */
export async function checkCleanRows(
  session: DataSession,
  input: {
    readonly relation: string;
    readonly rows: number;
    readonly columns: Schema['columns'];
    readonly spec: PipelineSpec;
    readonly accepted: ValidationReport | undefined;
  },
): Promise<Anomaly[]> {
  const { relation, rows, columns, spec, accepted } = input;
  const drawn = await sampleClean(session, relation, rows, spec);
  const context: CheckContext = { session, spec, columns, clean: relation, rows, ...drawn };
  const anomalies = [
    ...(await duplicateRows(context)),
    ...(await duplicateKeys(context)),
    ...(await columnChecks(context)),
    ...(await suspiciousColumns(context)),
    ...(await driftChecks(context, accepted)),
    ...(await timeGaps(context)),
    ...(await leakageChecks(context)),
    ...(await splitOverlap(context)),
    ...(await targetDrift(context)),
    ...(await fewDistinctRows(context)),
  ];
  // The statistics that follow need the memory.
  await session.run(`DROP TABLE ${drawn.sample}`);
  return anomalies;
}
