import type { PipelineInput } from '../../../contracts/pipeline.js';
import type { ColumnFacts } from './column-facts.js';

const dayMs = 86_400_000;
/** Fewer days are too few to be cut at midnight. */
const fewDays = 30;

/**
 * Split a log by its time, since a model predicts what comes later; everything else at random, with exact shares of each class.
 *
 * Pure. A log is a data set whose rows are in the order of a complete column of times.
 */
export function chooseSplit(
  columns: readonly ColumnFacts[],
  isClassification: boolean,
): { readonly split: PipelineInput['split']; readonly remark: string } {
  const log = columns.find(
    ({ times, missing, unreadable }) => times?.isSorted === true && missing + unreadable === 0 && isSpread(times.quantiles),
  );
  if (!log) {
    return {
      split: { kind: 'random', validation: 0.15, test: 0.15, ...(isClassification ? { stratify: true } : {}) },
      remark: `At random, by a hash of the row${isClassification ? ', with the same share of each class in every part' : ''}. If rows belong together (a customer, a patient), use { kind: 'group', columns: [...] }.`,
    };
  }
  const [first, validationFrom, testFrom, last] = log.times!.quantiles.map((text) => Date.parse(text));
  const step = (last - first) / dayMs >= fewDays ? dayMs : 1000;
  const at = (time: number): string => iso(Math.floor(time / step) * step);
  const end = iso(Math.floor(last / step) * step + step);
  return {
    split: {
      kind: 'time',
      column: log.name,
      train: { from: at(first), until: at(validationFrom) },
      validation: { from: at(validationFrom), until: at(testFrom) },
      test: { from: at(testFrom), until: end },
    },
    remark: `By time, since the rows are in the order of ${JSON.stringify(log.name)}: about 70 % to train, 15 % to decide, the last 15 % to test. Ends are exclusive.`,
  };
}

function isSpread(quantiles: readonly string[]): boolean {
  const seconds = quantiles.map((text) => Math.floor(Date.parse(text) / 1000));
  return seconds.every((second, i) => i === 0 || second > seconds[i - 1] + 1);
}

function iso(time: number): string {
  const text = new Date(time).toISOString();
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : `${text.slice(0, 19)}Z`;
}
