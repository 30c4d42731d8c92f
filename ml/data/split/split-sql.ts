import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { PipelineSpec, SplitSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { parseIsoTimestamp } from '../read/iso-timestamp.js';
import { cutsReached, hashFraction } from './row-hash.js';
import { timestampLiteral } from '../validate/row-rules.js';
import { identifier, numberLiteral, textLiteral } from '../sql-quoting.js';
import { type Strata, strataCuts } from './strata.js';
import { targetColumn } from '../target-column.js';

export const splitNames = ['train', 'validation', 'test'] as const;

type SplitOf<Kind extends SplitSpec['kind']> = Extract<SplitSpec, { kind: Kind }>;

/**
 * Say which part each clean row belongs to: the position in `splitNames`, or NULL for none. The rows stream, in their order.
 *
 * A random or grouped split takes the MD5 of the row (or of the key's or the group's columns) and the seed: a row stays in
 * its part when data are added or reordered and when DuckDB is updated, and copies of a row share a part, so that none
 * leaks into the test.
 *
 * @param relation name of a view of the clean rows with the target as `__target`
 * @returns query of all columns of the relation, and the part as `partColumn`
 * @throws AnnealError `InvalidPipeline` when ranges overlap or a date does not exist; `InvalidData` when a key of a stratified
 *   split has rows of several classes
 */
export async function splitRelation(session: DataSession, relation: string, spec: PipelineSpec, partColumn: string): Promise<string> {
  return `SELECT *, ${await partSql(session, relation, spec)} AS ${partColumn} FROM ${relation}`;
}

async function partSql(session: DataSession, relation: string, spec: PipelineSpec): Promise<string> {
  const { split } = spec;
  if (split.kind === 'time') return timeSplitSql(split);
  if (split.kind === 'column') return columnSplitSql(split);
  if (split.kind === 'group' || !split.stratify) return `2 - ${cutsReached(fractionOf(spec), sharesOf(split).map(numberLiteral))}`;
  if (split.key) await assertOneClassPerKey(session, relation, `The split of the pipeline "${spec.name}"`, split.key);
  const strata = strataOf(spec);
  return `2 - ${cutsReached(strata.fraction, await strataCuts(session, relation, strata))}`;
}

/** The test part has the lowest hashes. */
function sharesOf({ test, validation }: SplitOf<'random' | 'group'>): number[] {
  return [test, test + validation];
}

function strataOf(spec: PipelineSpec): Strata {
  const split = spec.split as SplitOf<'random'>;
  return { fraction: fractionOf(spec), stratum: `CAST(${targetColumn} AS VARCHAR)`, shares: sharesOf(split) };
}

function fractionOf(spec: PipelineSpec): string {
  const split = spec.split as SplitOf<'random' | 'group'>;
  const declared = Object.keys(spec.columns);
  const named = split.kind === 'group' ? split.columns : split.key;
  // Rows that differ in the class alone may be cut apart between their classes; they are no copies of each other.
  const whole = split.kind === 'random' && split.stratify ? [...declared, targetColumn] : declared;
  return hashFraction(String(split.seed), named ?? whole, spec.columns);
}

/** @param what is stratified, for the message. @throws AnnealError `InvalidData` when rows that stay together have several classes */
export async function assertOneClassPerKey(session: DataSession, relation: string, what: string, key: readonly string[]): Promise<void> {
  const columns = key.map(identifier).join(', ');
  const [{ mixed }] = await session.rows(
    `SELECT count(*) AS mixed FROM (SELECT 1 FROM ${relation} GROUP BY ${columns} HAVING min(${targetColumn}) <> max(${targetColumn}))`,
  );
  if (Number(mixed) === 0) return;
  throw new AnnealError(
    failureTypes.invalidData,
    `${what} is stratified by class, but ${String(mixed)} values of its key (${key.join(', ')}) have rows of several classes, which cannot be divided by class and stay together. Leave stratify out, or choose a key whose rows have one class.`,
    [{ severity: 'error', rule: 'split', column: key[0], expected: 'one class for each key', found: `${String(mixed)} keys with several` }],
  );
}

function columnSplitSql(split: SplitOf<'column'>): string {
  const value = `CAST(${identifier(split.column)} AS VARCHAR)`;
  const cases = splitNames.map(
    (part, i) => `WHEN ${value} IN (${split[part].map((item) => textLiteral(String(item))).join(', ')}) THEN ${i}`,
  );
  return `CASE ${cases.join(' ')} END`;
}

function timeSplitSql(split: SplitOf<'time'>): string {
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

function invalidSplit(message: string): AnnealError {
  return new AnnealError(failureTypes.invalidPipeline, message);
}
