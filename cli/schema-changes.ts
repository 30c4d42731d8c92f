import type { FrozenColumn, FrozenDistribution, FrozenSchema } from '../contracts/pipeline.js';

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
    const [was, is] = [JSON.stringify(before[key]), JSON.stringify(after[key])];
    return was === is ? [] : [`~ ${name}.${key}: ${changeOf(before[key], after[key])}`];
  });
}

/** More characters of a fact are told by what is new and gone. */
const longest = 60;

function changeOf(was: unknown, is: unknown): string {
  if (isDistribution(was) && isDistribution(is)) return movedBy(was, is);
  if (Array.isArray(was) && Array.isArray(is) && text(was).length + text(is).length > longest)
    return `${was.length} → ${is.length} values${listed('new', missingFrom(was, is))}${listed('gone', missingFrom(is, was))}`;
  return `${text(was)} → ${text(is)}`;
}

function movedBy(was: FrozenDistribution, is: FrozenDistribution): string {
  if (was.kind === 'categories' && is.kind === 'categories') {
    const names = new Set([...Object.keys(was.shares), ...Object.keys(is.shares)]);
    const moves = [...names].map((name) => ({ name, from: was.shares[name] ?? 0, to: is.shares[name] ?? 0 }));
    const most = moves.reduce((a, b) => (Math.abs(b.to - b.from) > Math.abs(a.to - a.from) ? b : a), { name: '', from: 0, to: 0 });
    return `moved by ${Math.abs(most.to - most.from).toFixed(3)} (L∞), most ${JSON.stringify(most.name.slice(0, longest / 2))}, ${most.from} → ${most.to}`;
  }
  if (was.kind === 'histogram' && is.kind === 'histogram') {
    if (JSON.stringify(was.edges) !== JSON.stringify(is.edges)) return `other bins, ${binsOf(was)} → ${binsOf(is)}`;
    const moved = Math.max(...was.shares.map((share, i) => Math.abs(share - is.shares[i])));
    return `the same bins, of which none moved by more than ${moved.toFixed(3)}`;
  }
  return `${was.kind} → ${is.kind}`;
}

function binsOf({ edges }: { readonly edges: readonly number[] }): string {
  return `${edges.length - 1} from ${edges[0]} to ${edges[edges.length - 1]}`;
}

function isDistribution(value: unknown): value is FrozenDistribution {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

function missingFrom(some: readonly unknown[], others: readonly unknown[]): unknown[] {
  const known = new Set(some);
  return others.filter((value) => !known.has(value));
}

function listed(what: string, values: readonly unknown[]): string {
  if (values.length === 0) return '';
  const shown = values.slice(0, 3).map((value) => cut(JSON.stringify(value), longest / 2));
  return `; ${what}: ${shown.join(', ')}${values.length > shown.length ? ` and ${values.length - shown.length} more` : ''}`;
}

function text(value: unknown): string {
  if (value === undefined) return '(none)';
  if (isDistribution(value)) return value.kind === 'histogram' ? `a histogram of ${binsOf(value)}` : 'shares of categories';
  return cut(JSON.stringify(value), longest);
}

function cut(json: string, length: number): string {
  return json.length <= length ? json : `${json.slice(0, length - 1)}…`;
}
