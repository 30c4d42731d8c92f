import type { FittedFeature } from '../../contracts/dataset.js';
import type { GraphBuilder } from '../graph/onnx-builder.js';

type CalendarFeature = Extract<FittedFeature, { kind: 'calendar' }>;

/** How a missing timestamp is written. */
export const missingTimestamp = -(2n ** 63n);

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** index = ((ms + shift) mod modulus) / divisor + 1; 1970-01-01 was a Thursday, three days after a Monday. */
const cyclic = {
  minute: { shift: 0, modulus: hourMs, divisor: minuteMs },
  hour: { shift: 0, modulus: dayMs, divisor: hourMs },
  dayOfWeek: { shift: 3 * dayMs, modulus: 7 * dayMs, divisor: dayMs },
} as const;

/**
 * Write the calendar parts of one timestamp into a graph.
 *
 * ONNX's integer `Mod` floors and its `Div` truncates, so every division here is of a value that `Mod` has made
 * non-negative, or exact: timestamps before 1970 come out right.
 *
 * @param input name of an int64 [N, 1] value, milliseconds since 1970-01-01 UTC, −2^63 = missing
 * @param features calendar features of that input
 * @returns name of an int64 [N, features.length] value: 1 + hour or minute, month 1–12, day 1–31, Monday 1 – Sunday 7; 0 = missing.
 *   The columns stand in the order of `order`, which are positions in `features`
 */
export function lowerCalendar(
  builder: GraphBuilder,
  input: string,
  features: readonly CalendarFeature[],
): { readonly value: string; readonly order: readonly number[] } {
  const positions = features.map((_, position) => position);
  const parts: string[] = [];
  const order: number[] = [];

  const periodic = positions.filter((position) => features[position].part in cyclic);
  if (periodic.length > 0) {
    const rules = periodic.map((position) => cyclic[features[position].part as keyof typeof cyclic]);
    const row = (values: readonly number[]) => builder.constant('int64', values, [1, values.length]);
    const isShifted = rules.some((rule) => rule.shift !== 0);
    const shifted = isShifted ? builder.node('Add', [input, row(rules.map((rule) => rule.shift))]) : input; // [N, P]
    const phase = builder.node('Mod', [shifted, row(rules.map((rule) => rule.modulus))]); // [N, P]
    const quotient = builder.node('Div', [phase, row(rules.map((rule) => rule.divisor))]); // [N, P]
    parts.push(builder.node('Add', [quotient, builder.scalar('int64', 1)])); // [N, P]
    order.push(...periodic);
  }

  const civil = positions.filter((position) => !(features[position].part in cyclic));
  if (civil.length > 0) {
    const { month, dayOfMonth } = civilFromMilliseconds(builder, input);
    for (const position of civil) {
      parts.push(features[position].part === 'month' ? month : dayOfMonth); // [N, 1]
      order.push(position);
    }
  }

  const all = parts.length === 1 ? parts[0] : builder.node('Concat', parts, { axis: 1 }); // [N, features]
  const isMissing = builder.node('Equal', [input, builder.scalar('int64', missingTimestamp)]); // [N, 1]
  return { value: builder.node('Where', [isMissing, builder.scalar('int64', 0), all]), order };
}

/**
 * Month and day of the proleptic Gregorian calendar; years begin in March, so that the leap day is a year's last.
 *
 * @see Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`
 */
function civilFromMilliseconds(builder: GraphBuilder, input: string): { readonly month: string; readonly dayOfMonth: string } {
  const n = (value: number) => builder.scalar('int64', value);
  const add = (a: string, b: string) => builder.node('Add', [a, b]);
  const subtract = (a: string, b: string) => builder.node('Sub', [a, b]);
  const multiply = (a: string, b: string) => builder.node('Mul', [a, b]);
  const divide = (a: string, b: string) => builder.node('Div', [a, b]);
  const modulo = (a: string, b: string) => builder.node('Mod', [a, b]);

  const days = divide(subtract(input, modulo(input, n(dayMs))), n(dayMs)); // [N, 1] whole days since 1970-01-01
  const dayOfEra = modulo(add(days, n(719_468)), n(146_097)); // [N, 1] 0 … 146,096 since March 1st of a year divisible by 400
  const leapDays = subtract(add(subtract(dayOfEra, divide(dayOfEra, n(1460))), divide(dayOfEra, n(36_524))), divide(dayOfEra, n(146_096)));
  const yearOfEra = divide(leapDays, n(365)); // [N, 1] 0 … 399
  const daysBefore = subtract(add(multiply(yearOfEra, n(365)), divide(yearOfEra, n(4))), divide(yearOfEra, n(100)));
  const dayOfYear = subtract(dayOfEra, daysBefore); // [N, 1] 0 … 365, from March 1st
  const shiftedMonth = divide(add(multiply(dayOfYear, n(5)), n(2)), n(153)); // [N, 1] 0 = March … 11 = February
  const monthStart = divide(add(multiply(shiftedMonth, n(153)), n(2)), n(5)); // [N, 1]
  return {
    month: add(modulo(add(shiftedMonth, n(2)), n(12)), n(1)), // [N, 1]
    dayOfMonth: add(subtract(dayOfYear, monthStart), n(1)), // [N, 1]
  };
}
