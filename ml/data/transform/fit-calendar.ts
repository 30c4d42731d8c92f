import type { FittedCalendar } from '../../../contracts/fitted-feature.js';
import type { FeatureSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { identifier } from '../sql-quoting.js';
import { calendarSql } from './calendar-parts.js';
import type { TrainingRows } from './training-rows.js';
import { usableScale } from './transform-kind.js';

type CalendarSpec = Extract<FeatureSpec, { kind: 'calendar' }>;

/** Only a numeric part has something to fit: mean and deviation. */
export async function fitCalendar(
  session: DataSession,
  { relation }: TrainingRows,
  name: string,
  { column, part, encoding, dimension }: CalendarSpec,
): Promise<FittedCalendar> {
  const base = { kind: 'calendar', name, input: column, part, dimension } as const;
  const wanted = encoding ?? (part === 'year' ? 'numeric' : 'embedding');
  if (wanted === 'embedding') return base;
  if (wanted !== 'numeric') return { ...base, encoding: wanted };
  const value = calendarSql[part](`epoch_ms(${identifier(column)})`);
  const [found] = await session.rows(`SELECT avg(${value}) AS mean, stddev_pop(${value}) AS deviation FROM ${relation}`);
  const center = Number(found.mean ?? 0);
  return { ...base, encoding: wanted, center, scale: usableScale(Number(found.deviation ?? 0), center) };
}
