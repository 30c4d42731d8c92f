import type { CalendarPart, FittedCalendar } from '../../../contracts/fitted-feature.js';

/** Values of a part; an index is the value − first + 1, so that 0 is a missing timestamp. Of a year there is no end. */
export const calendarRanges: Readonly<Record<Exclude<CalendarPart, 'year'>, { readonly first: number; readonly values: number }>> = {
  month: { first: 1, values: 12 },
  quarter: { first: 1, values: 4 },
  dayOfMonth: { first: 1, values: 31 },
  dayOfWeek: { first: 1, values: 7 },
  dayOfYear: { first: 1, values: 366 },
  weekOfYear: { first: 1, values: 53 },
  hour: { first: 0, values: 24 },
  minute: { first: 0, values: 60 },
};

/** SQL of a part over a TIMESTAMP, BIGINT. */
export const calendarSql: Readonly<Record<CalendarPart, (time: string) => string>> = {
  month: (time) => `month(${time})`,
  quarter: (time) => `quarter(${time})`,
  dayOfMonth: (time) => `dayofmonth(${time})`,
  dayOfWeek: (time) => `isodow(${time})`,
  dayOfYear: (time) => `dayofyear(${time})`,
  weekOfYear: (time) => `weekofyear(${time})`,
  hour: (time) => `hour(${time})`,
  minute: (time) => `minute(${time})`,
  year: (time) => `year(${time})`,
};

/** How many indices a part has, that of a missing timestamp included. */
export function calendarSize(part: CalendarPart): number {
  return part === 'year' ? 0 : calendarRanges[part].values + 1;
}

/** Whether a part becomes an index, rather than numbers. */
export function isIndexed({ encoding }: FittedCalendar): boolean {
  return encoding === undefined || encoding === 'one-hot';
}
