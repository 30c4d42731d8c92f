/** The first line of an error's message: DuckDB's further ones hold the query, and so may hold data. */
export function firstLine(error: unknown): string {
  // Not by `instanceof`: an error that native code made may belong to another realm.
  const { message } = error as { readonly message?: unknown };
  return (typeof message === 'string' ? message : String(error)).split('\n', 1)[0].trim();
}
