import type { ColumnSpec } from './columns.js';
import type { SplitSpec } from './split.js';
import type { Task } from './target.js';

const parts = ['train', 'validation', 'test'] as const;

/** What is wrong with a split for these columns; the columns that it names, its ranges, its shares. */
export function splitProblems(split: SplitSpec, columns: Readonly<Record<string, ColumnSpec>>, task: Task): string[] {
  switch (split.kind) {
    case 'time':
      return timeProblems(split, columns);
    case 'random':
      return [
        ...shareProblems(split),
        ...columnProblems('split.key', split.key ?? [], columns),
        ...(split.stratify && task === 'regression' ? ['split.stratify: a regression has no classes; leave it out'] : []),
      ];
    case 'group':
      return [...shareProblems(split), ...columnProblems('split.columns', split.columns, columns)];
    case 'column':
      return valueProblems(split, columns);
  }
}

/** Names that must be declared columns. */
export function columnProblems(path: string, names: readonly string[], columns: Readonly<Record<string, ColumnSpec>>): string[] {
  return names.filter((name) => !Object.hasOwn(columns, name)).map((name) => `${path}: there is no column "${name}" in columns`);
}

function timeProblems(split: Extract<SplitSpec, { kind: 'time' }>, columns: Readonly<Record<string, ColumnSpec>>): string[] {
  const problems: string[] = [];
  if (columns[split.column]?.type !== 'timestamp') problems.push(`split.column: "${split.column}" is not a timestamp column in columns`);
  for (const part of parts) {
    const { from, until } = split[part];
    if (!(from < until)) problems.push(`split.${part}: from (${from}) must be before until (${until})`);
  }
  return problems;
}

function shareProblems({ validation, test }: { readonly validation: number; readonly test: number }): string[] {
  return validation + test >= 1 ? ['split: validation and test leave nothing to train on'] : [];
}

function valueProblems(split: Extract<SplitSpec, { kind: 'column' }>, columns: Readonly<Record<string, ColumnSpec>>): string[] {
  const problems = columnProblems('split.column', [split.column], columns);
  const type = columns[split.column]?.type;
  if (type === 'float' || type === 'timestamp')
    problems.push(`split.column: "${split.column}" is ${type}; a split by value needs a string, integer or boolean column`);
  const partOf = new Map<string, string>();
  for (const part of parts) {
    for (const value of new Set(split[part].map(String))) {
      const other = partOf.get(value);
      if (other !== undefined) problems.push(`split.${part}: ${JSON.stringify(value)} is in split.${other} already`);
      partOf.set(value, part);
    }
  }
  return problems;
}
