import type { PipelineInput } from '../../../contracts/pipeline.js';
import type { ColumnFacts } from './column-facts.js';
import { identityName, namesThings } from '../checks/identity-name.js';
import { identifier } from '../sql-quoting.js';
import { percent, type Remarks } from './remark.js';

type FeatureInput = PipelineInput['features'][string];

export interface ChosenFeatures {
  readonly features: Record<string, FeatureInput>;
  /** Columns that no feature reads, with the reason. */
  readonly leftOut: readonly { readonly column: string; readonly reason: string }[];
}

/** More categories than this share hash values. */
const maxVocabulary = 2000;
/** Texts of more words than this are read word by word. */
const wordsOfText = 4;
/** The 99th percentile is so many times the median: 10 of a lognormal income (sigma 1), 6.6 of an exponential waiting time. */
const longTail = 8;
/** Numbers that nearly all differ may count the rows. */
const identityShare = 0.95;
/** Numbers so called are names. */
const codeName = /(^|[_\s-])(code|zip|zip_?code|postcode|type|category|cluster|region|zone)$|[a-z](Code|Type)$/i;
/** Texts that occur less than twice on average teach nothing about other rows. */
const rowsOfValue = 2;

/**
 * Decide how each column but the target's becomes a feature, or why it does not.
 *
 * Pure.
 *
 * @param chosen the split, and the columns that give the label away with what they achieve
 */
export function chooseFeatures(
  columns: readonly ColumnFacts[],
  target: string,
  rows: number,
  remarks: Remarks,
  { split, leaks }: { readonly split: PipelineInput['split']; readonly leaks: ReadonlyMap<string, string> },
): ChosenFeatures {
  const features: Record<string, FeatureInput> = {};
  const leftOut: { column: string; reason: string }[] = [];
  const logColumn = split.kind === 'time' ? split.column : undefined;
  const copied = new Map(columns.find(({ name }) => name === logColumn)?.times?.copies);
  for (const facts of columns) {
    if (facts.name === target) continue;
    const leak = leaks.get(facts.name);
    const reason =
      uselessness(facts, rows) ??
      (split.kind === 'group' && split.columns.includes(facts.name)
        ? 'the split keeps its rows together, so none of its values is seen again'
        : undefined) ??
      (copied.has(facts.name) ? `it is the ${copied.get(facts.name)} of "${logColumn}", by which the rows are split` : undefined) ??
      (leak === undefined ? undefined : `it gives the label away: ${leak}`);
    if (reason !== undefined) leftOut.push({ column: facts.name, reason });
    else
      for (const [name, feature, remark] of featuresOf(facts, rows, logColumn)) {
        features[name] = feature;
        if (remark) remarks.set(`features.${name}`, remark);
      }
  }
  return { features, leftOut };
}

function uselessness(
  { name, type, sourceType, missing, unreadable, distinct, words, times, top, quantiles }: ColumnFacts,
  rows: number,
): string | undefined {
  const present = rows - missing - unreadable;
  if (type === undefined) return `its type ${shortened(sourceType)} is not a number, text, boolean or time; ${wayIn(name, sourceType)}`;
  if (present === 0) return 'it has no value';
  if (distinct < 2) return `it is ${JSON.stringify(top[0]?.value.slice(0, 40))} in every row`;
  if (type === 'string' && (words ?? 0) < wordsOfText && distinct * rowsOfValue > present)
    return 'its values hardly repeat, so they tell nothing about other rows';
  if (/^__index_level_\d+__$/.test(name)) return 'it is the index of a pandas table, which numbers its rows';
  if (type === 'integer' && distinct >= identityShare * present && identityName.test(name)) return 'it numbers the rows';
  if (type === 'integer' && distinct === rows && quantiles && quantiles[4] - quantiles[0] === rows - 1) return 'it numbers the rows';
  if (name.length > longestName(type)) return `its name is longer than ${longestName(type)} characters; rename it in the source to use it`;
  // An object cannot have a property of that name like any other.
  if (name === '__proto__') return 'JavaScript means something else by that name; rename it in the source to use it';
  if (type === 'timestamp' && times!.parts.length === 0) return 'all its times share year, month, day and hour';
  if (['probabilities', 'class_index', 'value'].includes(name))
    return 'it is named like an output of the exported model; rename it in the source to use it';
  return undefined;
}

const longestType = 60;

function shortened(type: string): string {
  return type.length <= longestType ? type : `${type.slice(0, longestType - 1)}…`;
}

/** A query that makes a column of what is nested; the source stands in it as `data`. */
function wayIn(name: string, sourceType: string): string {
  const field = /^STRUCT\((?:"([^"]+)"|(\w+)) /.exec(sourceType);
  const value = field
    ? `data.${identifier(name)}.${identifier(field[1] ?? field[2])}`
    : sourceType.endsWith('[]')
      ? `len(${identifier(name)})`
      : undefined;
  return value === undefined
    ? 'a query of the source can make something of it'
    : `a query of the source can: SELECT *, ${value} AS ${identifier(`${name}_${field ? (field[1] ?? field[2]) : 'count'}`)} FROM data`;
}

/** Features bear the column's name, those of times with the part after it. */
function longestName(type: ColumnFacts['type']): number {
  return type === 'timestamp' ? 115 : 128;
}

function featuresOf(facts: ColumnFacts, rows: number, logColumn: string | undefined): (readonly [string, FeatureInput, string?])[] {
  const { name: column, type, missing, unreadable, distinct } = facts;
  const gaps = missing + unreadable;
  const gapRemark = gaps > 0 ? `${percent(gaps / rows)} missing.` : undefined;
  switch (type) {
    case 'boolean':
    case 'integer':
    case 'float': {
      if (type === 'integer' && isCode(facts, rows))
        return [[column, categoryOf(facts, rows), join(gapRemark, `${count(distinct)} codes.`)]];
      const isSkewed = isLongTailed(facts);
      return [
        [
          column,
          { kind: 'numeric', column, ...(isSkewed ? { scale: 'log' as const } : {}), ...(gaps > 0 ? { missingIndicator: true } : {}) },
          join(gapRemark, isSkewed ? 'A long tail: on a logarithmic scale.' : undefined),
        ],
      ];
    }
    case 'timestamp':
      return calendarFeatures(facts, logColumn);
    case undefined:
    case 'string':
      if ((facts.words ?? 0) >= wordsOfText) return [[column, { kind: 'text', column }, 'Text, as weights of its words.']];
      return [
        [
          column,
          categoryOf(facts, rows),
          join(gapRemark, `${count(distinct)} categories${distinct > maxVocabulary ? ', which share hash values' : ''}.`),
        ],
      ];
  }
}

function categoryOf({ name: column, distinct }: ColumnFacts, rows: number): FeatureInput {
  if (distinct > maxVocabulary) return { kind: 'categorical', column, encoding: 'hashing' };
  return { kind: 'categorical', column, ...(rows < 5000 ? { minCount: 2 } : {}) };
}

/** Numbers that name something which occurs again and again. */
function isCode({ name, distinct, missing, unreadable }: ColumnFacts, rows: number): boolean {
  return (namesThings(name) || codeName.test(name)) && distinct * rowsOfValue <= rows - missing - unreadable;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function isLongTailed({ quantiles }: ColumnFacts): boolean {
  if (!quantiles) return false;
  const [low, , median, high] = quantiles;
  return low >= 0 && median > 0 && high > longTail * median;
}

/** The parts of a time that differ between the rows; the day of the month only where there is nothing else. */
function calendarFeatures(
  { name: column, times }: ColumnFacts,
  logColumn: string | undefined,
): (readonly [string, FeatureInput, string?])[] {
  const { parts } = times!;
  // The years to come are in no training part of a log.
  // Of dates that stand for a month or a year, the day of the week is chance.
  const isDaily = parts.includes('dayOfMonth');
  const useful = parts.filter(
    (part) => part !== 'dayOfMonth' && !(part === 'dayOfWeek' && !isDaily) && !(part === 'year' && column === logColumn),
  );
  const chosen = useful.length > 0 ? useful : parts;
  return chosen.map((part) => [`${column} ${part}`, { kind: 'calendar', column, part }]);
}

function join(...sentences: (string | undefined)[]): string | undefined {
  const said = sentences.filter((sentence) => sentence !== undefined);
  return said.length === 0 ? undefined : said.join(' ');
}
