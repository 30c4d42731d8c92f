import type { CalendarPart } from '../../../contracts/fitted-feature.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { slicePrefix } from '../validate/schema-check.js';
import { identifier } from '../sql-quoting.js';
import { calendarSql } from '../transform/calendar-parts.js';

const missingSlice = '(missing)';

/** SQL of a calendar part as text; months and weekdays have names. */
function calendarText(part: CalendarPart, time: string): string {
  if (part === 'month') return `monthname(${time})`;
  return part === 'dayOfWeek' ? `dayname(${time})` : `CAST(${calendarSql[part](time)} AS VARCHAR)`;
}

/**
 * The values that cut the test split into slices, as people read them: hour "13", weekday "Monday", the category itself.
 *
 * Pure. A name means the feature, or else the column; a missing value is the slice "(missing)".
 *
 * @returns column name `__slice_<name>` and its SQL over the typed columns, VARCHAR
 */
export function sliceColumns(spec: PipelineSpec): { readonly name: string; readonly sql: string }[] {
  return [...new Set(spec.evaluation.slices)].map((name) => {
    const feature = Object.hasOwn(spec.features, name) ? spec.features[name] : undefined;
    const column = identifier(feature?.column ?? name);
    const text = feature?.kind === 'calendar' ? calendarText(feature.part, column) : `nullif(CAST(${column} AS VARCHAR), '')`;
    return { name: `${slicePrefix}${name}`, sql: `coalesce(${text}, '${missingSlice}')` };
  });
}
