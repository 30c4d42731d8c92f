import type { CalendarPart } from '../../../contracts/fitted-feature.js';
import type { GraphBuilder } from '../../graph/onnx-builder.js';

type CivilPart = Exclude<CalendarPart, 'hour' | 'minute' | 'dayOfWeek' | 'weekOfYear'>;

/**
 * Parts of a date of the proleptic Gregorian calendar; years begin in March, so that the leap day is a year's last.
 *
 * ONNX's integer `Mod` floors and its `Div` truncates, so every division here is of a value that `Mod` has made
 * non-negative, or exact: dates before 1970 come out right. What no part needs is not written.
 *
 * @param days name of an int64 [N, 1] value, whole days since 1970-01-01
 * @returns a function that writes a part and gives the name of its int64 [N, 1] value; the year 1 BC is 0
 * @see Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`
 */
export function civilDate(builder: GraphBuilder, days: string): (part: CivilPart) => string {
  const n = (value: number) => builder.scalar('int64', value);
  const add = (a: string, b: string) => builder.node('Add', [a, b]);
  const subtract = (a: string, b: string) => builder.node('Sub', [a, b]);
  const multiply = (a: string, b: string) => builder.node('Mul', [a, b]);
  const divide = (a: string, b: string) => builder.node('Div', [a, b]);
  const modulo = (a: string, b: string) => builder.node('Mod', [a, b]);
  const isAtLeast = (a: string, b: number) => builder.node('GreaterOrEqual', [a, n(b)]);

  const shifted = once(() => add(days, n(719_468))); // days since 0000-03-01
  const dayOfEra = once(() => modulo(shifted(), n(146_097))); // 0 … 146,096 since March 1st of a year divisible by 400
  const yearOfEra = once(() => {
    const leapDays = subtract(
      add(subtract(dayOfEra(), divide(dayOfEra(), n(1460))), divide(dayOfEra(), n(36_524))),
      divide(dayOfEra(), n(146_096)),
    );
    return divide(leapDays, n(365)); // 0 … 399
  });
  const dayOfMarchYear = once(() => {
    const daysBefore = subtract(add(multiply(yearOfEra(), n(365)), divide(yearOfEra(), n(4))), divide(yearOfEra(), n(100)));
    return subtract(dayOfEra(), daysBefore); // 0 … 365, from March 1st
  });
  const marchMonth = once(() => divide(add(multiply(dayOfMarchYear(), n(5)), n(2)), n(153))); // 0 = March … 11 = February
  const month = once(() => add(modulo(add(marchMonth(), n(2)), n(12)), n(1)));

  const parts: Readonly<Record<CivilPart, () => string>> = {
    month,
    quarter: () => divide(add(month(), n(2)), n(3)),
    dayOfMonth: () => {
      const monthStart = divide(add(multiply(marchMonth(), n(153)), n(2)), n(5));
      return add(subtract(dayOfMarchYear(), monthStart), n(1));
    },
    dayOfYear: () => {
      // From March on, in which a year of the era is the calendar's: February 29th was there or not.
      const notLeap = builder.node('Min', [modulo(yearOfEra(), n(4)), n(1)]);
      const century = subtract(n(1), builder.node('Min', [modulo(yearOfEra(), n(100)), n(1)]));
      const era = subtract(n(1), builder.node('Min', [yearOfEra(), n(1)]));
      const leap = add(subtract(subtract(n(1), notLeap), century), era); // 0 or 1
      const fromMarch = add(add(dayOfMarchYear(), n(60)), leap);
      return builder.node('Where', [isAtLeast(dayOfMarchYear(), 306), subtract(dayOfMarchYear(), n(305)), fromMarch]);
    },
    year: () => {
      const era = divide(subtract(shifted(), dayOfEra()), n(146_097));
      const marchYear = add(multiply(era, n(400)), yearOfEra());
      return builder.node('Where', [isAtLeast(dayOfMarchYear(), 306), add(marchYear, n(1)), marchYear]);
    },
  };
  return (part) => parts[part]();
}

/** Writes the nodes at the first call, and gives the same value at the next. */
function once(write: () => string): () => string {
  let value: string | undefined;
  return () => (value ??= write());
}
