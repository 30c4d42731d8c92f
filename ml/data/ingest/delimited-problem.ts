interface Problem {
  readonly what: string;
  readonly wayOut: string;
}

const places: readonly (readonly [RegExp, (match: RegExpExecArray) => Problem])[] = [
  [
    /^Expected Number of Columns: (\d+) Found: (\d+)/m,
    ([, expected, found]) => ({
      what: `has ${found} value${found === '1' ? '' : 's'} where the first row has ${expected}`,
      wayOut: `Correct the line or the dialect (source.delimiter, source.quote)${Number(found) < Number(expected) ? `, or set source.ragged to "pad", which takes what is not there for missing` : ''}.`,
    }),
  ],
  [
    /^Invalid unicode/m,
    () => ({
      what: 'is not utf-8',
      wayOut: 'Set source.encoding, for example to "windows-1252" or "latin-1", or write the file as UTF-8.',
    }),
  ],
  [
    /^Value with unterminated quote/m,
    () => ({ what: 'has a quote that does not end', wayOut: 'Correct the line, or source.quote and source.escape.' }),
  ],
  [
    // Of a line that is longer than what DuckDB reads at a time.
    /Maximum line size|does not support a full read on this file/im,
    () => ({
      what: 'is longer than 2,000,000 bytes',
      wayOut: 'It is probably no line end that was meant, or a quote that does not end: correct the file or source.quote.',
    }),
  ],
];

/**
 * What DuckDB's message says of a delimited file, with the line and without the data.
 *
 * @param skippedLines that DuckDB has not seen
 * @returns undefined for a failure of another kind
 */
export function delimitedProblem(error: unknown, skippedLines: number): Problem | undefined {
  const { message } = error as { readonly message?: unknown };
  if (typeof message !== 'string') return undefined;
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  for (const [pattern, describe] of places) {
    const match = pattern.exec(message);
    if (!match) continue;
    const { what, wayOut } = describe(match);
    return { what: `${line === undefined ? 'a line' : `line ${Number(line) + skippedLines}`} ${what}`, wayOut };
  }
  if (/state machine reached an invalid state/.test(message))
    return {
      what: 'its lines end in different ways (\\n here, \\r\\n there), or a quote stands where the dialect has none',
      wayOut: 'Write it with one kind of line end, or correct source.quote and source.escape.',
    };
  return undefined;
}
