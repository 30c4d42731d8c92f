export interface RecordDialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly escape: string;
  readonly comment?: string;
}

/**
 * Take the first record of delimited text apart (RFC 4180, with other characters where the dialect has them).
 *
 * @param lines without their ends; comments and blank lines before the record are passed over
 * @returns undefined when there is none, or when it does not end within these lines
 */
export function firstRecord(lines: readonly string[], { delimiter, quote, escape, comment }: RecordDialect): string[] | undefined {
  const start = lines.findIndex((line) => line !== '' && !(comment !== undefined && line.startsWith(comment)));
  if (start < 0) return undefined;
  const text = lines.slice(start).join('\n');
  const values: string[] = [];
  let value = '';
  let isQuoted = false;
  for (let at = 0; at < text.length;) {
    if (isQuoted) {
      if (escape !== '' && text[at] === escape && [quote, escape].includes(text[at + 1])) {
        value += text[at + 1];
        at += 2;
      } else if (text[at] === quote) {
        isQuoted = false;
        at++;
      } else value += text[at++];
    } else if (text.startsWith(delimiter, at)) {
      values.push(value);
      value = '';
      at += delimiter.length;
    } else if (text[at] === '\n') return [...values, value];
    else if (quote !== '' && text[at] === quote && value === '') {
      isQuoted = true;
      at++;
    } else value += text[at++];
  }
  return isQuoted ? undefined : [...values, value];
}
