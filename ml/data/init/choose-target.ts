import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { PipelineInput, Task as AnyTask } from '../../../contracts/pipeline.js';
import { identifier, textLiteral } from '../sql-quoting.js';
import type { ColumnFacts } from './column-facts.js';

export interface ChosenTarget {
  readonly target: PipelineInput['target'];
  readonly remark: string;
  /** Rows of the rarest class; absent for a regression. */
  readonly rarest?: number;
  /** Share of the rows that have no label. */
  readonly unlabelled: number;
  /** Largest class's rows over the rarest one's. */
  readonly imbalance: number;
}

/** Integers of so few values are taken for names of classes. */
const maxIntegerClasses = 20;
const maxClasses = 100;
/** One row to learn from, one to decide by and one to test on. */
const leastRowsOfClass = 3;
/** What people call the class that they look for. */
const positiveWords = /^(true|yes|y|t|1|positive|pos|bad|fraud|churn(ed)?|late|spam|default(ed)?|malignant|sick|died|survived|success)$/i;

/** Tasks that the values of one column can tell; several labels at once are for a person to declare. */
export type Task = Exclude<AnyTask, 'multilabel'>;

/**
 * Choose the task by the target's values: two are binary, a few classes, many numbers a regression.
 *
 * Pure.
 *
 * @param wanted the task, where the user says it
 * @throws AnnealError `InvalidData` when nothing can be learned from the column
 */
export function chooseTarget(facts: ColumnFacts, rows: number, wanted?: Task): ChosenTarget {
  const { name, type, missing, unreadable, distinct } = facts;
  if (type === undefined || type === 'timestamp')
    throw unusable(facts, `its type is ${facts.sourceType}`, 'Choose a column of numbers, texts or booleans.');
  const labelled = rows - missing - unreadable;
  const unlabelled = (missing + unreadable) / rows;
  if (labelled === 0) throw unusable(facts, 'it has no value', 'Choose a column with values.');
  if (distinct < 2)
    throw unusable(facts, `every row has the value ${JSON.stringify(facts.top[0]?.value)}`, 'Choose a column that differs between rows.');
  const task = wanted ?? taskOf(facts);
  if (task === 'regression') {
    if (type !== 'integer' && type !== 'float') throw unusable(facts, `it holds ${type} values`, 'A regression needs a column of numbers.');
    return {
      target: { task, name: targetName(name), expression: identifier(name) },
      remark: `A number (${distinct.toLocaleString('en-US')} values): regression.`,
      unlabelled,
      imbalance: 1,
    };
  }
  const { top, isTrimmed } = classesOf(facts);
  if (distinct > maxClasses)
    throw unusable(
      facts,
      `it has ${distinct.toLocaleString('en-US')} different values, more than ${maxClasses} classes`,
      type === 'string'
        ? 'Choose another column, or group its values in a column of the source.'
        : 'Choose --task regression, or another column.',
    );
  if (task === 'binary' && top.length !== 2)
    throw unusable(facts, `it has ${top.length} values, and a binary target has two`, 'Leave --task out, or choose another column.');
  const learned = task === 'binary' ? top : top.filter((value) => value.rows >= leastRowsOfClass);
  if (learned.length < 2)
    throw unusable(facts, 'its values hardly repeat', 'Choose another column, or group its values in a column of the source.');
  const classes = learned.map(({ value }) => value).sort();
  const rarest = learned[learned.length - 1].rows;
  const dropped = top.slice(learned.length);
  const droppedRows = dropped.reduce((sum, value) => sum + value.rows, 0);
  const shares = top
    .slice(0, 5)
    .map((value) => `${JSON.stringify(value.value)} ${((value.rows / labelled) * 100).toFixed(1)} %`)
    .join(', ');
  const common = { rarest, unlabelled: unlabelled + droppedRows / rows, imbalance: learned[0].rows / rarest };
  const text = isTrimmed ? `trim(${identifier(name)})` : identifier(name);
  if (task === 'binary') {
    const positive = classes.find((value) => positiveWords.test(value)) ?? top[1].value;
    const negative = classes.find((value) => value !== positive)!;
    const literal = type === 'string' ? textLiteral(positive) : positive;
    return {
      target: {
        task,
        name: targetName(name),
        expression: type === 'boolean' ? identifier(name) : `${text} = ${literal}`,
        classes: [negative, positive],
      },
      remark: `Two values (${shares}): binary. The expression is true for the class that is looked for, "${positive}".`,
      ...common,
    };
  }
  return {
    target: { task, name: targetName(name), expression: text, classes },
    remark: `${classes.length} classes: ${shares}${top.length > 5 ? ', …' : ''}.${
      dropped.length > 0
        ? ` Too rare to be learned, and left out: ${dropped.map((value) => `${JSON.stringify(value.value)} (${value.rows})`).join(', ')}.`
        : ''
    }`,
    ...common,
  };
}

/** Blanks around a class are no part of its name. */
function classesOf({ type, top }: ColumnFacts): { readonly top: ColumnFacts['top']; readonly isTrimmed: boolean } {
  if (type !== 'string' || top.every(({ value }) => value === value.trim())) return { top, isTrimmed: false };
  const counts = new Map<string, number>();
  for (const { value, rows } of top) counts.set(value.trim(), (counts.get(value.trim()) ?? 0) + rows);
  return { top: [...counts].map(([value, rows]) => ({ value, rows })).sort((a, b) => b.rows - a.rows), isTrimmed: true };
}

function taskOf(facts: ColumnFacts): Task {
  const { type } = facts;
  const distinct = facts.distinct > maxClasses ? facts.distinct : classesOf(facts).top.length;
  if (distinct === 2) return 'binary';
  if (type === 'string') return 'multiclass';
  return type === 'integer' && distinct <= maxIntegerClasses ? 'multiclass' : 'regression';
}

/** The target has a name of its own, since the column keeps its. */
function targetName(column: string): string {
  return column.length > 120 ? 'target' : column;
}

function unusable({ name }: ColumnFacts, found: string, way: string): AnnealError {
  return new AnnealError(failureTypes.invalidData, `The column "${name}" cannot be the target: ${found}. ${way}`);
}
