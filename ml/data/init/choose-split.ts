import type { PipelineInput } from '../../../contracts/pipeline.js';
import { namesThings } from '../checks/identity-name.js';
import type { ColumnFacts } from './column-facts.js';
import type { Findings } from './findings.js';

const dayMs = 86_400_000;
/** Fewer days are too few to be cut at midnight. */
const fewDays = 30;

/** Fewer times are not the times of a log. */
const fewTimes = 20;
/** Fewer groups cannot be divided evenly, and with more rows in each they are the subject rather than a sample. */
const fewGroups = 30;
const rowsOfGroup = { least: 2, most: 100 };
/** Who has several rows that are alike. */
const subjectName =
  /(customer|client|patient|user|subject|person|household|member|student|pupil|employee|driver|visitor|donor|account|participant|respondent|session)/i;

interface ChosenSplit {
  readonly split: PipelineInput['split'];
  readonly remark: string;
}

/**
 * Split a log by its time, since a model predicts what comes later; several rows of a person by the person, whom a model
 * would know again; everything else at random, with exact shares of each class.
 *
 * Pure. A log is a data set whose rows are nearly in the order of a complete column of times.
 */
export function chooseSplit(
  columns: readonly ColumnFacts[],
  { rows, target, isClassification, findings }: { rows: number; target: string; isClassification: boolean; findings: Findings },
): ChosenSplit {
  const log = columns.find(
    ({ times, distinct, missing, unreadable }) =>
      times?.isSorted === true && distinct >= fewTimes && missing + unreadable === 0 && isSpread(times.quantiles),
  );
  if (log && !findings.unfit.has('time')) return byTime(log);
  const others = columns.filter(({ name }) => name !== target);
  const group = others.find((facts) => isRepeated(facts, rows) && subjectName.test(facts.name));
  if (group && !findings.unfit.has('group')) return byGroup(group, rows);
  const reasons = [...findings.unfit].map(([kind, reason]) => `Not by ${kind}: ${reason.replace(/\.$/, '')}.`);
  const repeated = group ?? others.find((facts) => isRepeated(facts, rows) && namesThings(facts.name));
  const shares = isClassification ? ', with the same share of each class in every part' : '';
  return {
    split: { kind: 'random', validation: 0.15, test: 0.15, ...(isClassification ? { stratify: true } : {}) },
    remark: [
      `At random, by a hash of the row${shares}.`,
      ...reasons,
      repeated
        ? `Values of ${JSON.stringify(repeated.name)} occur in several rows; if a model will meet new ones, use { kind: 'group', columns: [${JSON.stringify(repeated.name)}] }.`
        : `If rows belong together (a customer, a patient), use { kind: 'group', columns: [...] }.`,
    ].join(' '),
  };
}

/** Whether values name things with some rows each. */
function isRepeated({ type, distinct, missing, unreadable }: ColumnFacts, rows: number): boolean {
  if ((type !== 'string' && type !== 'integer') || missing + unreadable > 0 || distinct < fewGroups) return false;
  const each = rows / distinct;
  return each >= rowsOfGroup.least && each <= rowsOfGroup.most;
}

function byGroup({ name, distinct }: ColumnFacts, rows: number): ChosenSplit {
  return {
    split: { kind: 'group', columns: [name], validation: 0.15, test: 0.15 },
    remark: `By ${JSON.stringify(name)}, which has ${(rows / distinct).toFixed(1)} rows a value: all of them share a part, so that the test says how the model does with new ones.`,
  };
}

function byTime(log: ColumnFacts): ChosenSplit {
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
