import type { Anomaly } from '../../../contracts/dataset.js';
import { internalPrefix } from '../validate/schema-check.js';
import { identifier } from '../sql-quoting.js';
import { type CheckContext, found } from './check-context.js';

/** With fewer days than that, the look is at hours. */
const fewDays = 14;
const hoursTable = `${internalPrefix}hours`;
/** Of fewer steps nobody can say what is usual. */
const fewSteps = 8;

/**
 * Stretches of time without a row, longer than `expectations.timeGaps.factor` times the usual step (the median) between
 * two days with rows, or hours where the data cover but a few days.
 */
export async function timeGaps({ session, spec, clean }: CheckContext): Promise<Anomaly[]> {
  const { severity, column = spec.split.kind === 'time' ? spec.split.column : undefined, factor } = spec.expectations.timeGaps;
  if (severity === 'off' || column === undefined) return [];
  const name = identifier(column);
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${hoursTable} AS SELECT DISTINCT date_trunc('hour', CAST(${name} AS TIMESTAMP)) AS bucket FROM ${clean} WHERE ${name} IS NOT NULL`,
  );
  const days = `SELECT DISTINCT date_trunc('day', bucket) AS bucket FROM ${hoursTable}`;
  const [counted] = await session.rows(`SELECT count(*) AS days FROM (${days})`);
  const unit = Number(counted.days) < fewDays ? 'hour' : 'day';
  const buckets = unit === 'hour' ? `FROM ${hoursTable}` : days;
  const steps = `SELECT lag(bucket) OVER (ORDER BY bucket) AS before, bucket AS after, date_diff('${unit}', lag(bucket) OVER (ORDER BY bucket), bucket) AS step FROM (${buckets})`;
  const [usual] = await session.rows(`SELECT count(step) AS steps, quantile_disc(step, 0.5) AS median FROM (${steps})`);
  if (Number(usual.steps) < fewSteps) return [];
  const limit = factor * Number(usual.median);
  const gaps = await session.rows(
    `SELECT CAST(before AS VARCHAR) AS before, CAST(after AS VARCHAR) AS after, step FROM (${steps}) WHERE step > ${limit} ORDER BY step DESC, before LIMIT 4`,
  );
  if (gaps.length === 0) return [];
  const shown = gaps.slice(0, 3).map((gap) => `${String(gap.before)} to ${String(gap.after)} (${String(gap.step)} ${unit}s)`);
  return found(severity, {
    rule: 'time-gap',
    column,
    expected: `no gap of more than ${limit} ${unit}s, ${factor} times the usual step (expectations.timeGaps)`,
    found: `${shown.join(', ')}${gaps.length > 3 ? ' and more' : ''}`,
  });
}
