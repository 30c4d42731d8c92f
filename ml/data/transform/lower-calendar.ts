import type { CalendarPart } from '../../../contracts/fitted-feature.js';
import type { GraphBuilder } from '../../graph/onnx-builder.js';
import { missingTimestamp } from '../read/missing-timestamp.js';
import { civilDate } from './civil-date.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** index = ((ms + shift) mod modulus) / divisor + 1; 1970-01-01 was a Thursday, three days after a Monday. */
const periodicRules = {
  minute: { shift: 0, modulus: hourMs, divisor: minuteMs },
  hour: { shift: 0, modulus: dayMs, divisor: hourMs },
  dayOfWeek: { shift: 3 * dayMs, modulus: 7 * dayMs, divisor: dayMs },
} as const;

/**
 * Write the calendar parts of one timestamp into a graph.
 *
 * @param input name of an int64 [N, 1] value, milliseconds since 1970-01-01 UTC, −2^63 = missing
 * @returns `value`: name of an int64 [N, parts.length] value: 1 + hour or minute, Monday 1 – Sunday 7, the other parts as
 *   people count them; 0 = missing. The columns stand in the order of `order`, which are positions in `parts`.
 *   `isMissing`: name of a bool [N, 1] value
 */
export function lowerCalendar(
  builder: GraphBuilder,
  input: string,
  parts: readonly CalendarPart[],
): { readonly value: string; readonly order: readonly number[]; readonly isMissing: string } {
  const isPeriodic = (position: number) => parts[position] in periodicRules;
  const periodic = parts.flatMap((_, position) => (isPeriodic(position) ? [position] : []));
  const civil = parts.flatMap((_, position) => (isPeriodic(position) ? [] : [position]));
  const columns: string[] = [];
  if (periodic.length > 0)
    columns.push(
      lowerPeriodic(
        builder,
        input,
        periodic.map((position) => parts[position] as keyof typeof periodicRules),
      ),
    );
  if (civil.length > 0) {
    const days = lowerDays(builder, input); // int64 [N, 1]
    const date = civilDate(builder, days);
    for (const position of civil) {
      const part = parts[position] as Exclude<CalendarPart, keyof typeof periodicRules>;
      columns.push(part === 'weekOfYear' ? lowerWeek(builder, days) : date(part)); // int64 [N, 1]
    }
  }
  const all = columns.length === 1 ? columns[0] : builder.node('Concat', columns, { axis: 1 }); // int64 [N, parts]
  const isMissing = builder.node('Equal', [input, builder.scalar('int64', missingTimestamp)]); // bool [N, 1]
  return { value: builder.node('Where', [isMissing, builder.scalar('int64', 0), all]), order: [...periodic, ...civil], isMissing };
}

/** @returns name of an int64 [N, parts.length] value */
function lowerPeriodic(builder: GraphBuilder, input: string, parts: readonly (keyof typeof periodicRules)[]): string {
  const rules = parts.map((part) => periodicRules[part]);
  const row = (values: readonly number[]) => builder.constant('int64', values, [1, values.length]);
  const isShifted = rules.some((rule) => rule.shift !== 0);
  const shifted = isShifted ? builder.node('Add', [input, row(rules.map((rule) => rule.shift))]) : input; // [N, P]
  const phase = builder.node('Mod', [shifted, row(rules.map((rule) => rule.modulus))]); // [N, P]
  const quotient = builder.node('Div', [phase, row(rules.map((rule) => rule.divisor))]); // [N, P]
  return builder.node('Add', [quotient, builder.scalar('int64', 1)]); // [N, P]
}

/** Whole days since 1970-01-01, rounded down. */
function lowerDays(builder: GraphBuilder, input: string): string {
  const day = builder.scalar('int64', dayMs);
  return builder.node('Div', [builder.node('Sub', [input, builder.node('Mod', [input, day])]), day]);
}

/** A week of ISO 8601 belongs to the year of its Thursday. */
function lowerWeek(builder: GraphBuilder, days: string): string {
  const n = (value: number) => builder.scalar('int64', value);
  const sinceMonday = builder.node('Mod', [builder.node('Add', [days, n(3)]), n(7)]);
  const thursday = builder.node('Sub', [builder.node('Add', [days, n(3)]), sinceMonday]);
  const dayOfYear = civilDate(builder, thursday)('dayOfYear');
  return builder.node('Div', [builder.node('Add', [dayOfYear, n(6)]), n(7)]);
}
