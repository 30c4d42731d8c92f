import type { DataSession } from '../duckdb-session.js';
import { textLiteral } from '../sql-quoting.js';

/** They give something else at the next attempt, and in the next query of the same one. */
const volatileFunctions: ReadonlySet<string> = new Set([
  'random',
  'uuid',
  'uuidv4',
  'uuidv7',
  'gen_random_uuid',
  'nextval',
  'now',
  'today',
  'current_date',
  'current_timestamp',
  'current_localtime',
  'current_localtimestamp',
  'get_current_time',
  'get_current_timestamp',
  'transaction_timestamp',
]);

/** As much of DuckDB's syntax tree as is looked at. */
interface Tree {
  readonly error: boolean;
  readonly error_message?: string;
  readonly statements?: readonly {
    readonly node: { readonly select_list?: readonly unknown[]; readonly from_table?: { readonly type?: string } };
  }[];
}

/**
 * Why a SQL text is not one expression over the columns of a row: by DuckDB's own parser, nothing is run.
 *
 * A subquery could read files, a second column or a FROM could be something else than it seems.
 *
 * @returns undefined when it is one
 */
export async function expressionProblem(session: DataSession, expression: string): Promise<string | undefined> {
  const [{ tree }] = await session.rows(`SELECT CAST(json_serialize_sql(${textLiteral(`SELECT (\n${expression}\n)`)}) AS VARCHAR) AS tree`);
  const parsed = JSON.parse(String(tree)) as Tree;
  if (parsed.error) return (parsed.error_message ?? 'it is no SQL').split('\n', 1)[0];
  const [statement] = parsed.statements ?? [];
  const { select_list: selected, from_table: from } = statement?.node ?? {};
  if (parsed.statements?.length !== 1 || selected?.length !== 1 || from?.type !== 'EMPTY') return 'it is more than one scalar expression';
  return nodeProblem(selected[0]);
}

function nodeProblem(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { class: kind, function_name: called } = node as { readonly class?: unknown; readonly function_name?: unknown };
  if (kind === 'SUBQUERY')
    return 'it is more than one scalar expression: it holds a subquery, which could read something else than the row';
  if (typeof called === 'string' && volatileFunctions.has(called.toLowerCase()))
    return `${called}() gives something else each time, and equal data must give equal labels`;
  for (const child of Object.values(node)) {
    const problem = nodeProblem(child);
    if (problem) return problem;
  }
  return undefined;
}
