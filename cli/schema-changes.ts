import type { FrozenColumn, FrozenSchema } from '../contracts/pipeline.js';

/**
 * What somebody decided in the file that no data can tell, carried over into a schema that was inferred anew: optional
 * columns, keys, and limits of distances.
 *
 * Pure.
 */
export function withDecisions(inferred: FrozenSchema, file: FrozenSchema | undefined): FrozenSchema {
  if (!file) return inferred;
  const columns = Object.entries(inferred.columns).map(([name, column]): [string, FrozenColumn] => {
    const before = Object.hasOwn(file.columns, name) ? file.columns[name] : undefined;
    if (!before) return [name, column];
    const max = before.distribution?.max;
    const isSameKind = before.distribution?.kind === column.distribution?.kind;
    return [
      name,
      {
        ...column,
        presence: before.presence,
        ...(before.unique === undefined ? {} : { unique: before.unique }),
        ...(column.distribution && max !== undefined && isSameKind ? { distribution: { ...column.distribution, max } } : {}),
      },
    ];
  });
  const optional = Object.entries(file.columns).filter(
    ([name, { presence }]) => presence === 'optional' && !Object.hasOwn(inferred.columns, name),
  );
  return { ...inferred, columns: Object.fromEntries([...columns, ...optional]) };
}

/** The differences between two schemas, a line each; none when they are equal. */
export function schemaChanges(before: FrozenSchema | undefined, after: FrozenSchema): string[] {
  const old = before?.columns ?? {};
  const names = [...new Set([...Object.keys(old), ...Object.keys(after.columns)])].sort();
  const changes = names.flatMap((name) => {
    if (!Object.hasOwn(old, name)) return [`+ ${name}: ${after.columns[name].type}`];
    if (!Object.hasOwn(after.columns, name)) return [`- ${name}: ${old[name].type}`];
    return factChanges(name, old[name], after.columns[name]);
  });
  return before && before.rows !== after.rows ? [`~ rows: ${before.rows} → ${after.rows}`, ...changes] : changes;
}

function factChanges(name: string, before: FrozenColumn, after: FrozenColumn): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof FrozenColumn)[];
  return keys.flatMap((key) => {
    const [was, is] = [text(before[key]), text(after[key])];
    return was === is ? [] : [`~ ${name}.${key}: ${was} → ${is}`];
  });
}

const longest = 160;

function text(value: unknown): string {
  if (value === undefined) return '(none)';
  const json = JSON.stringify(value);
  return json.length <= longest ? json : `${json.slice(0, longest - 1)}… (${json.length} characters)`;
}
