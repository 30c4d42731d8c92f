import type { SnapshotManifest } from '../../../contracts/dataset.js';
import type { DataSession } from '../duckdb-session.js';
import { identifier, textLiteral } from '../sql-quoting.js';
import type { ColumnFacts } from './column-facts.js';
import { countedOthers, type MarkedColumn, missingMarks } from './missing-marks.js';

/** What a column of text says in a way that only a cast makes a number or a time of. */
export interface Writing {
  readonly column: string;
  /** SQL of the value as a number or a time; NULL where it is neither. */
  readonly sql: string;
  /** `numbers with a decimal comma` */
  readonly description: string;
}

export interface UnusualValues {
  /** Texts that stand for a missing value, as they are written. */
  readonly markers: readonly string[];
  readonly writings: readonly Writing[];
  /** What the author should know of them, sentences. */
  readonly remarks?: readonly string[];
}

/** These stand for a missing value wherever they are found; `none` and `unknown` may be categories. */
const markers = [
  '?',
  '??',
  '-',
  '--',
  '\u2013',
  '\u2014',
  '.',
  '..',
  '*',
  '\\n',
  '#n/a',
  '#na',
  'n.a.',
  '<na>',
  'na',
  'n/a',
  'nan',
  'null',
];
/** Among numbers and times no word is a value. */
const words = [...markers, 'none', 'missing', 'unknown', 'unk', 'not available', 'no data', 'n.d.', 'nd', 'nil', 'x', 'tbd', '(null)'];
/** Fewer values that are not as the others are mistakes. */
const tolerated = 0.02;
/** Steps against the order that rows in the order of a time may have. */
const strays = 0.02;

const currency = '[$\u20ac\u00a3]?';
const commaIsGroup = `[-+]?${currency} ?([1-9][0-9]{0,2}(,[0-9]{3})+|[0-9]+)([.][0-9]+)? ?(%|${currency})`;
const commaIsDecimal = `[-+]?${currency} ?([1-9][0-9]{0,2}([.][0-9]{3})+|[0-9]+)(,[0-9]+)? ?(%|${currency})`;
/** `12.5 kg`: a number and a word or a sign that is the same in every row. */
const withUnit = '[-+]?[0-9]+([.][0-9]+)? ?[^0-9 .,:;+/-][^0-9.,:;/-]{0,9}';
const unitOf = '[^0-9 .,:;+/-][^0-9.,:;/-]*$';
/** The one that reads most values; of those that read equally many the first, unless the order of the rows speaks for another. */
const timeFormats = [
  '%m/%d/%Y',
  '%d/%m/%Y',
  '%d.%m.%Y',
  '%d-%m-%Y',
  '%m-%d-%Y',
  '%b %d %Y',
  '%b %d, %Y',
  '%d %b %Y',
  '%d-%b-%Y',
  '%d-%b-%y',
  '%B %d, %Y',
  '%d %B %Y',
  '%m/%d/%Y %H:%M',
  '%m/%d/%Y %H:%M:%S',
  '%d.%m.%Y %H:%M',
  '%d.%m.%Y %H:%M:%S',
  '%d/%m/%Y %H:%M',
  '%d/%m/%Y %H:%M:%S',
  '%d-%m-%Y %H:%M',
] as const;

/**
 * Look for marks of missing values, and for numbers and times that are written as a cast does not read them, in the texts of
 * a snapshot whose types are weak (CSV, JSON).
 *
 * @param session with the view `inspected`
 * @param options whether a comma that could be either is a decimal one, whether the source has `nullText`, and the column of the labels
 */
export async function unusualValues(
  session: DataSession,
  columns: readonly ColumnFacts[],
  typing: SnapshotManifest['typing'],
  { hasDecimalComma = false, isDelimited, target }: { hasDecimalComma?: boolean; isDelimited: boolean; target?: string },
): Promise<UnusualValues> {
  if (typing === 'strong') return { markers: [], writings: [] };
  const marked: MarkedColumn[] = [];
  const writings: Writing[] = [];
  for (const facts of columns) {
    if (!/^(VARCHAR|JSON)$/.test(facts.sourceType) || facts.top.length === 0) continue;
    const isText = facts.type === 'string';
    if (!isText && facts.unreadable === 0) continue;
    const text = facts.sourceType === 'JSON' ? `(${identifier(facts.name)} ->> '$')` : identifier(facts.name);
    const writing = isText ? await writingOf(session, facts, text, hasDecimalComma) : undefined;
    if (writing) writings.push(writing);
    const isValue = isText && !writing && !(await isReadable(session, text));
    const found = await spellingsOf(session, text, isValue ? markers : words);
    if (found.spellings.length > 0) marked.push({ name: facts.name, text, isText: isValue, isCast: writing !== undefined, ...found });
  }
  const missing = missingMarks(marked, isDelimited, target);
  return { markers: missing.markers, writings: [...writings, ...missing.writings], remarks: missing.remarks };
}

/** Spellings of the words in a column, and some of its other values. */
async function spellingsOf(
  session: DataSession,
  text: string,
  among: readonly string[],
): Promise<Pick<MarkedColumn, 'spellings' | 'others'>> {
  const isMarker = `lower(trim(${text})) IN (${among.map(textLiteral).join(', ')})`;
  const spelled = await session.rows(
    `SELECT ${text} AS spelling FROM inspected WHERE ${isMarker} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 10`,
  );
  if (spelled.length === 0) return { spellings: [], others: [] };
  const others = await session.rows(
    `SELECT DISTINCT ${text} AS other FROM inspected WHERE NOT ${isMarker} AND trim(${text}) <> '' LIMIT ${countedOthers}`,
  );
  return { spellings: spelled.map(({ spelling }) => String(spelling)), others: others.map(({ other }) => String(other)) };
}

/** Whether all but a few values are numbers or times already, when words are left out. */
async function isReadable(session: DataSession, text: string): Promise<boolean> {
  const value = `trim(${text})`;
  const [{ present, numbers, times, zeros }] = await session.rows(
    `SELECT count(*) AS present, count(TRY_CAST(${value} AS DOUBLE)) AS numbers, count(TRY_CAST(${value} AS TIMESTAMPTZ)) AS times, count(*) FILTER (regexp_full_match(${value}, '0[0-9]+')) AS zeros FROM inspected WHERE ${isPresent(value)}`,
  );
  return Number(present) > 0 && Number(zeros) === 0 && Math.max(Number(numbers), Number(times)) >= (1 - tolerated) * Number(present);
}

async function writingOf(
  session: DataSession,
  { name }: ColumnFacts,
  text: string,
  hasDecimalComma: boolean,
): Promise<Writing | undefined> {
  const value = `trim(${text})`;
  const matches = (pattern: string): string => `regexp_full_match(${value}, ${textLiteral(pattern)})`;
  const [found] = await session.rows(
    `SELECT count(*) AS present, count(*) FILTER (${matches(commaIsGroup)}) AS "group", count(*) FILTER (${matches(commaIsDecimal)}) AS decimal,` +
      ` count(*) FILTER (${matches(withUnit)}) AS units, count(DISTINCT regexp_extract(${value}, ${textLiteral(unitOf)})) AS kinds, any_value(regexp_extract(${value}, ${textLiteral(unitOf)})) AS unit,` +
      ` count(*) FILTER (${matches('0[0-9]+')}) AS zeros, count(TRY_CAST(${value} AS DOUBLE)) AS numbers, count(TRY_CAST(${value} AS TIMESTAMP)) FILTER (regexp_matches(${value}, '^[0-9]{4}-')) AS iso, ` +
      timeFormats.map((format, i) => `count(try_strptime(${value}, ${textLiteral(format)})) AS time${i}`).join(', ') +
      ` FROM inspected WHERE ${isPresent(value)}`,
  );
  const needed = (1 - tolerated) * Number(found.present);
  if (Number(found.present) === 0 || Number(found.zeros) > 0 || Number(found.numbers) >= needed) return undefined;
  const [group, decimal] = [Number(found.group), Number(found.decimal)];
  // 1,234 is either; between semicolons a comma is decimal.
  if (group >= needed && (group > decimal || (group === decimal && !hasDecimalComma)))
    return {
      column: name,
      sql: `TRY_CAST(regexp_replace(${text}, '[,$\u20ac\u00a3% ]', '', 'g') AS DOUBLE)`,
      description: 'numbers with commas between thousands, or with signs',
    };
  if (decimal >= needed)
    return {
      column: name,
      sql: `TRY_CAST(replace(regexp_replace(${text}, '[.$\u20ac\u00a3% ]', '', 'g'), ',', '.') AS DOUBLE)`,
      description: 'numbers with a decimal comma',
    };
  if (Number(found.units) === Number(found.present) && Number(found.kinds) === 1)
    return {
      column: name,
      sql: `TRY_CAST(regexp_extract(${text}, '[-+]?[0-9]+([.][0-9]+)?') AS DOUBLE)`,
      description: `numbers with the unit ${String(found.unit).trim()}`,
    };
  const read = timeFormats.map((_, i) => Number(found[`time${i}`]));
  const best = read.indexOf(Math.max(...read));
  const readsAsMuchAs = (count: number) => (other: TimeFormat) => read[timeFormats.indexOf(other)] === count;
  if (read[best] < needed) {
    const iso = Number(found.iso);
    // Day and month that change places within a column cannot be told apart.
    const second = read.findIndex(
      (n, i) => i !== best && n > tolerated * needed && !isTwin(timeFormats[i], timeFormats[best]) && n + read[best] >= needed,
    );
    if (read[best] <= tolerated * needed || (iso + read[best] < needed && second < 0)) return undefined;
    const { format, doubt } = await settled(session, value, timeFormats[best], readsAsMuchAs(read[best]));
    const other = iso + read[best] >= needed ? undefined : await settled(session, value, timeFormats[second], readsAsMuchAs(read[second]));
    const sql = other === undefined ? `TRY_CAST(${value} AS TIMESTAMP)` : `try_strptime(${value}, ${textLiteral(other.format)})`;
    return {
      column: name,
      sql: `coalesce(${sql}, try_strptime(${value}, ${textLiteral(format)}))`,
      description: `dates in two formats, ${other === undefined ? '%Y-%m-%d' : `${other.format}${other.doubt}`} and ${format}${doubt}`,
    };
  }
  const { format, doubt } = await settled(session, value, timeFormats[best], readsAsMuchAs(read[best]));
  return { column: name, sql: `try_strptime(${value}, ${textLiteral(format)})`, description: `times written as ${format}${doubt}` };
}

type TimeFormat = (typeof timeFormats)[number];

/** Where no day above 12 tells day and month apart: the reading in which the rows are in order, or in which all days are the same. */
async function settled(
  session: DataSession,
  value: string,
  format: TimeFormat,
  readsAsMuch: (other: TimeFormat) => boolean,
): Promise<{ readonly format: TimeFormat; readonly doubt: string }> {
  const twin = timeFormats.find((other) => isTwin(other, format));
  if (twin === undefined || !readsAsMuch(twin)) return { format, doubt: '' };
  const steps = [format, twin].map((candidate, i) => {
    const time = `try_strptime(${value}, ${textLiteral(candidate)})`;
    return `count(*) FILTER (${time} < lag${i}) AS falls${i}, count(*) FILTER (${time} > lag${i}) AS rises${i}, count(DISTINCT day(${time})) AS days${i}`;
  });
  const before = [format, twin].map((candidate, i) => `lag(try_strptime(${value}, ${textLiteral(candidate)})) OVER () AS lag${i}`);
  const [found] = await session.rows(`SELECT ${steps.join(', ')} FROM (SELECT *, ${before.join(', ')} FROM inspected)`);
  const [inOrder, otherInOrder] = [0, 1].map((i) => {
    const [falls, rises] = [Number(found[`falls${i}`]), Number(found[`rises${i}`])];
    return Math.min(falls, rises) <= strays * (falls + rises);
  });
  const [sameDay, otherSameDay] = [0, 1].map((i) => Number(found[`days${i}`]) === 1);
  const isSwapped = inOrder === otherInOrder ? otherSameDay && !sameDay : otherInOrder;
  const chosen = isSwapped ? twin : format;
  const why =
    inOrder !== otherInOrder ? ', in which the rows are in order' : sameDay !== otherSameDay ? ', in which all days are the same' : '';
  const doubt = `${why} (or is it ${chosen === format ? twin : format}? No day above 12 tells; correct the query where it is)`;
  return { format: chosen, doubt };
}

/** Whether the formats differ in the places of day and month alone. */
function isTwin(a: TimeFormat, b: TimeFormat): boolean {
  return a !== b && a === b.replace(/%([md])(.)%([md])/, '%$3$2%$1');
}

function isPresent(value: string): string {
  return `${value} <> '' AND lower(${value}) NOT IN (${words.map(textLiteral).join(', ')})`;
}
