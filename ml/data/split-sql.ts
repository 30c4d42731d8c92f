import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { PipelineSpec, SplitSpec } from '../../contracts/pipeline.js';
import { parseIsoTimestamp } from './iso-timestamp.js';
import { timestampLiteral } from './row-rules.js';
import { identifier, numberLiteral, textLiteral } from './sql-quoting.js';

export const splitNames = ['train', 'validation', 'test'] as const;

/**
 * SQL over the clean data that says which part a row belongs to: the position in `splitNames`, or NULL for none.
 *
 * A random split takes the MD5 of the row (or of the key's columns) and the seed: a row stays in its part when data are
 * added or reordered and when DuckDB is updated, and copies of a row share a part, so that none leaks into the test.
 *
 * @throws AnnealError `InvalidPipeline` when ranges overlap, a date does not exist, or a key's column is not declared
 */
export function splitSql(spec: PipelineSpec): string {
  return spec.split.kind === 'time' ? timeSplitSql(spec.split) : randomSplitSql(spec.split, Object.keys(spec.columns));
}

/** Why a row belongs to no part. */
export function outsideReason(split: SplitSpec): string {
  return split.kind === 'time' ? `${split.column} is outside the ranges of the split` : 'in no part of the split';
}

/** What a part was expected to hold, for a message. */
export function partDescription(split: SplitSpec, part: (typeof splitNames)[number]): string {
  if (split.kind === 'time') return `rows with ${split[part].from} ≤ ${split.column} < ${split[part].until}`;
  const share = part === 'train' ? 1 - split.validation - split.test : split[part];
  return `${(share * 100).toPrecision(3)} % of the rows`;
}

function timeSplitSql(split: Extract<SplitSpec, { kind: 'time' }>): string {
  const ranges = splitNames.map((part) => ({
    part,
    from: boundary(`split.${part}.from`, split[part].from),
    until: boundary(`split.${part}.until`, split[part].until),
  }));
  const byStart = [...ranges].sort((a, b) => a.from - b.from);
  byStart.forEach((range, i) => {
    const previous = byStart[i - 1];
    if (previous && previous.until > range.from)
      throw invalidSplit(
        `The parts ${previous.part} and ${range.part} of the time split overlap: ${previous.part} ends at ${split[previous.part].until}, ${range.part} begins at ${split[range.part].from}. Rows in both would make the metrics too good; let one part end where the next begins (the end is exclusive).`,
      );
  });
  const column = identifier(split.column);
  const cases = ranges.map(
    ({ from, until }, i) => `WHEN ${column} >= ${timestampLiteral(from)} AND ${column} < ${timestampLiteral(until)} THEN ${i}`,
  );
  return `CASE ${cases.join(' ')} END`;
}

function boundary(path: string, text: string): number {
  const milliseconds = parseIsoTimestamp(text);
  if (milliseconds !== undefined) return milliseconds;
  throw invalidSplit(`${path} is ${JSON.stringify(text)}, a date that does not exist. Correct it in the pipeline.`);
}

function randomSplitSql(split: Extract<SplitSpec, { kind: 'random' }>, columns: readonly string[]): string {
  const missing = split.key?.find((name) => !columns.includes(name));
  if (missing !== undefined)
    throw invalidSplit(
      `The key of the random split names the column "${missing}", which is not among the declared columns ${columns.join(', ')}. Declare it in columns, or correct split.key.`,
    );
  // Sorted, so that the order in which columns are declared does not matter.
  const parts = [...(split.key ?? columns)].sort().map((name) => `coalesce(CAST(${identifier(name)} AS VARCHAR), chr(30))`);
  const text = `concat_ws(chr(31), ${[textLiteral(String(split.seed)), ...parts].join(', ')})`;
  const fraction = `CAST(md5_number_lower(${text}) >> 11 AS DOUBLE) / ${numberLiteral(2 ** 53)}`;
  // Arithmetic instead of CASE: DuckDB then computes the digest once.
  return `2 - CAST(${fraction} >= ${numberLiteral(split.test)} AS INTEGER) - CAST(${fraction} >= ${numberLiteral(split.test + split.validation)} AS INTEGER)`;
}

function invalidSplit(message: string): AnnealError {
  return new AnnealError(failureTypes.invalidPipeline, message);
}
