import { mostLabels } from '../../../contracts/pipeline/target.js';
import { identifier } from '../sql-quoting.js';
import type { ColumnFacts } from './column-facts.js';
import { inline } from './literal-text.js';

/** So many columns of two values, none of them named like the target, look like labels rather than like a flag or two among the features. */
const leastUnlike = 2;
const zeroAndOne: ReadonlySet<string> = new Set(['0', '1', '0.0', '1.0']);

/**
 * Say how a target of two values becomes one of several labels, where other columns look like labels of the same rows: true or false, or
 * 0 or 1, as the target is, and named like it, or several of them.
 *
 * Pure.
 *
 * @param target the column that is learned
 * @returns sentences with the target to write; undefined where no other column looks like a label
 */
export function otherLabelsRemark(target: ColumnFacts, columns: readonly ColumnFacts[]): string | undefined {
  if (!isFlag(target)) return undefined;
  const flags = columns.filter((column) => column !== target && isFlag(column));
  const alike = flags.filter(({ name }) => areAlike(name, target.name));
  const others = alike.length > 0 ? alike : flags;
  if ((alike.length === 0 && flags.length < leastUnlike) || others.length >= mostLabels) return undefined;
  const names = others.map(({ name }) => JSON.stringify(name)).join(', ');
  const labels = Object.fromEntries([target, ...others].map((column) => [column.name, expressionOf(column)]));
  const [are, they, them] = others.length === 1 ? ['is', 'it is a label', 'it'] : ['are', 'they are labels', 'them'];
  return `${names} ${are} true or false, too: where ${they} of the same rows rather than known before, learn ${them} together by target: ${inline({ task: 'multilabel', name: 'labels', labels })}, with each in columns and none in features.`;
}

function isFlag({ type, distinct, top }: ColumnFacts): boolean {
  if (distinct !== 2) return false;
  return (
    type === 'boolean' || ((type === 'integer' || type === 'float') && top.length === 2 && top.every(({ value }) => zeroAndOne.has(value)))
  );
}

function expressionOf({ name, type }: ColumnFacts): string {
  return type === 'boolean' ? identifier(name) : `${identifier(name)} = 1`;
}

/** `is_spam` and `is_rude`, `toxic` and `severe_toxic`, `label1` and `label2`. */
function areAlike(a: string, b: string): boolean {
  const [first, second] = [wordsOf(a), wordsOf(b)];
  if (first.length === 1 && second.length === 1) return false;
  return first[0] === second[0] || first.at(-1) === second.at(-1);
}

function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z])([A-Z0-9])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
