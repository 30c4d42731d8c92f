/** Go through all pages of a search, asking for the next one only when its first row is wanted. */
export async function* pages<T>(
  fetchPage: (pageToken: string | undefined) => Promise<{ readonly rows: readonly T[]; readonly nextPageToken?: string }>,
): AsyncGenerator<T> {
  let token: string | undefined;
  do {
    const { rows, nextPageToken } = await fetchPage(token);
    yield* rows;
    token = nextPageToken;
  } while (token);
}

/** Gather a search; give `limit` when the first ones are enough. */
export async function collect<T>(rows: AsyncIterable<T>, limit = Number.POSITIVE_INFINITY): Promise<T[]> {
  const collected: T[] = [];
  if (limit <= 0) return collected;
  for await (const row of rows) {
    collected.push(row);
    if (collected.length >= limit) break;
  }
  return collected;
}

/**
 * A value for MLflow's filter syntax, in quotes.
 *
 * @throws TypeError for a value with both kinds of quotes: the syntax has no escapes
 */
export function filterString(value: string): string {
  if (!value.includes("'")) return `'${value}'`;
  if (!value.includes('"')) return `"${value}"`;
  throw new TypeError(`MLflow cannot search for ${JSON.stringify(value)}: it holds both kinds of quotes, and a filter has no escapes.`);
}
