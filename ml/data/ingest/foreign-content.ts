/** What a file that should be text begins with when it is something else; each with what to do. */
const beginnings: readonly (readonly [string, string, string])[] = [
  ['PAR1', 'a Parquet file', 'Set source.format to "parquet".'],
  ['ARROW1', 'an Arrow file', 'Set source.format to "arrow".'],
  ['PK\x03\x04', 'a zip archive, as spreadsheets are', 'Export the sheet as CSV, or unpack the archive.'],
  ['\xd0\xcf\x11\xe0', 'an old spreadsheet or document', 'Export the sheet as CSV.'],
  ['SQLite format 3\0', 'a SQLite database', 'Export the table as CSV or Parquet.'],
  ['%PDF-', 'a PDF document', 'Give the table that it was made of.'],
  ['\xff\xfe', 'text in utf-16', 'Set source.encoding to "utf-16".'],
  ['\xfe\xff', 'text in utf-16', 'Set source.encoding to "utf-16".'],
];

/**
 * What a file that was expected to be UTF-8 text is instead, by its first bytes.
 *
 * @param start decompressed; some hundred bytes are enough
 * @returns undefined when nothing speaks against text
 */
export function foreignContent(start: Uint8Array): { readonly what: string; readonly wayOut: string } | undefined {
  const head = Buffer.from(start.subarray(0, 512)).toString('latin1');
  for (const [beginning, what, wayOut] of beginnings) if (head.startsWith(beginning)) return { what: `it is ${what}`, wayOut };
  const firstLine = head.split(/[\r\n]/, 1)[0];
  if (/^(\0[^\0]|[^\0]\0){2}/.test(firstLine))
    return {
      what: 'it looks like text in utf-16 without a byte order mark',
      wayOut: `Set source.encoding to "${firstLine.startsWith('\0') ? 'utf-16be' : 'utf-16le'}".`,
    };
  if (firstLine.includes('\0'))
    return { what: 'its first line has NUL characters, so it is no text', wayOut: 'Write the file again, or correct source.format.' };
  return undefined;
}
