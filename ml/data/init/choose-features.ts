import type { PipelineInput } from '../../../contracts/pipeline.js';
import type { ColumnFacts } from './column-facts.js';
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
/** The 99th percentile is so many times the median: most of the range is a few rows. */
const longTail = 20;
/** Numbers that nearly all differ may count the rows. */
const identityShare = 0.95;
/** Texts that occur less than twice on average teach nothing about other rows. */
const rowsOfValue = 2;
const identityName = /(^|[_\s-])(id|uuid|guid|key|index|rowid|row_?number)$|^unnamed(:| )?\s*\d*$|[a-z]Id$/i;

/**
 * Decide how each column but the target's becomes a feature, or why it does not.
 *
 * Pure.
 *
 * @param logColumn the column that the split goes by, if it goes by time
 */
export function chooseFeatures(
  columns: readonly ColumnFacts[],
  target: string,
  rows: number,
  remarks: Remarks,
  logColumn?: string,
): ChosenFeatures {
  const features: Record<string, FeatureInput> = {};
  const leftOut: { column: string; reason: string }[] = [];
  for (const facts of columns) {
    if (facts.name === target) continue;
    const reason = uselessness(facts, rows);
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
  { name, type, sourceType, missing, unreadable, distinct, words, times, top }: ColumnFacts,
  rows: number,
): string | undefined {
  const present = rows - missing - unreadable;
  if (type === undefined) return `its type ${sourceType} is not a number, text, boolean or time`;
  if (present === 0) return 'it has no value';
  if (distinct < 2) return `it is ${JSON.stringify(top[0]?.value.slice(0, 40))} in every row`;
  if (type === 'string' && (words ?? 0) < wordsOfText && distinct * rowsOfValue > present)
    return 'its values hardly repeat, so they tell nothing about other rows';
  if (type === 'integer' && distinct >= identityShare * present && identityName.test(name)) return 'it numbers the rows';
  if (type === 'timestamp' && times!.parts.length === 0) return 'all its times share year, month, day and hour';
  if (['probabilities', 'class_index', 'value'].includes(name))
    return 'it is named like an output of the exported model; rename it in the source to use it';
  return undefined;
}

function featuresOf(facts: ColumnFacts, rows: number, logColumn: string | undefined): (readonly [string, FeatureInput, string?])[] {
  const { name: column, type, missing, unreadable, distinct } = facts;
  const gaps = missing + unreadable;
  const gapRemark = gaps > 0 ? `${percent(gaps / rows)} missing.` : undefined;
  switch (type) {
    case 'boolean':
    case 'integer':
    case 'float': {
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
      if (distinct > maxVocabulary)
        return [
          [
            column,
            { kind: 'categorical', column, encoding: 'hashing' },
            `About ${distinct.toLocaleString('en-US')} categories, which share hash values.`,
          ],
        ];
      return [
        [column, { kind: 'categorical', column, ...(rows < 5000 ? { minCount: 2 } : {}) }, join(gapRemark, `${distinct} categories.`)],
      ];
  }
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
  const useful = parts.filter((part) => part !== 'dayOfMonth' && !(part === 'year' && column === logColumn));
  const chosen = useful.length > 0 ? useful : parts;
  return chosen.map((part) => [`${column} ${part}`, { kind: 'calendar', column, part }]);
}

function join(...sentences: (string | undefined)[]): string | undefined {
  const said = sentences.filter((sentence) => sentence !== undefined);
  return said.length === 0 ? undefined : said.join(' ');
}
