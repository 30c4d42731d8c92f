import type { ModelInput, SnapshotColumn, SnapshotManifest } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { ColumnSpec } from '../../contracts/pipeline.js';
import { type ColumnReading, readColumn, sqlTypes } from '../data/read/column-reading.js';
import { imageRules, readImage } from '../data/read/image-reading.js';
import { type RowRule, rulesOf, shortList } from '../data/validate/row-rules.js';
import { identifier } from '../data/sql-quoting.js';
import { rawColumn } from '../data/transform/raw-column.js';

/** How the rows of a relation become the raw inputs of a model; SQL over the relation's columns. */
export interface InputReading {
  /** By input, in the encoding of `ModelInput` with missing values as NULL. */
  readonly inputs: readonly string[];
  /** A row that breaks one is not predicted; the first is the reason. */
  readonly rules: readonly RowRule[];
  /**
   * By column, those that have another type in the file than the model's, for want of types in its format: in the model's type (VARCHAR,
   * BIGINT, DOUBLE, BOOLEAN, TIMESTAMP), NULL for what is missing or cannot be read.
   */
  readonly retyped: ReadonlyMap<string, string>;
}

const maxTimestampMs = 8.64e15;
const integerType = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/;
const isText = /^(VARCHAR|JSON)$/;

/**
 * Decide how a file's columns are read as a model's inputs: as the validation of a run reads them, and besides
 * milliseconds since 1970 as timestamps and 0 and 1 as booleans, as a host takes them.
 *
 * @param uri for messages
 * @param rejectOutOfRange whether what the pipeline declares of the values is a rule
 * @throws AnnealError `InvalidRequest` that names every column that is missing where the model needs it, or of a type that
 *   cannot be read
 */
export function readInputs(
  uri: string,
  manifest: ModelManifest,
  columns: readonly SnapshotColumn[],
  typing: SnapshotManifest['typing'],
  rejectOutOfRange: boolean,
): InputReading {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const problems: string[] = [];
  const inputs: string[] = [];
  const rules: RowRule[] = [];
  const retyped = new Map<string, string>();
  for (const input of manifest.inputs) {
    const found = types.get(input.name);
    if (found === undefined && !input.nullable) {
      const similar = columns.find(({ name }) => name.toLowerCase() === input.name.toLowerCase());
      problems.push(
        `there is no column "${input.name}" (${input.columnType}), which the model needs${similar ? `, but one called "${similar.name}"` : ''}`,
      );
      continue;
    }
    const declared = rejectOutOfRange ? manifest.declared?.[input.name] : {};
    const spec = columnSpec(input, declared);
    const reading = found === undefined ? missing(input) : readInput(input, spec, found, typing);
    if (!reading) {
      problems.push(`the column "${input.name}" is of type ${found}, and the model takes ${input.columnType}`);
      continue;
    }
    inputs.push(input.type === 'uint8' ? reading.typed : rawColumn(input, `(${reading.typed})`));
    if (found === undefined) continue;
    rules.push(...(spec.type === 'image' ? imageRules(input.name, spec, reading) : rulesOf(input.name, spec, reading)));
    if (spec.type !== 'image' && typing !== 'strong' && found !== sqlTypes[spec.type]) retyped.set(input.name, reading.typed);
  }
  if (problems.length > 0) {
    const names = shortList(columns.map(({ name }) => name));
    throw new AnnealError(
      failureTypes.invalidRequest,
      `The file "${uri}" does not fit the model ${manifest.name}: ${problems.join('; ')}. It has the columns ${names}. Rename or cast its columns and start the job again.`,
      { uri, problems },
    );
  }
  return { inputs, rules, retyped };
}

function columnSpec(input: ModelInput, declared: NonNullable<ModelManifest['declared']>[string] | undefined): ColumnSpec {
  if (input.type === 'uint8') {
    const { height, width, channels, range } = input;
    return { type: 'image', height, width, channels: channels as 1 | 3, range: [...range], nullable: false, onViolation: 'quarantine' };
  }
  const { min, max, allowed } = declared ?? {};
  return {
    type: input.columnType,
    nullable: input.nullable,
    onViolation: 'quarantine',
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(allowed ? { allowed: [...allowed] } : {}),
  };
}

function missing({ columnType }: ModelInput): ColumnReading {
  return { typed: `CAST(NULL AS ${sqlTypes[columnType]})`, isMissing: 'true', text: 'CAST(NULL AS VARCHAR)' };
}

function readInput(input: ModelInput, spec: ColumnSpec, found: string, typing: SnapshotManifest['typing']): ColumnReading | undefined {
  if (spec.type === 'image') return readImage(input.name, spec, found, typing);
  const column = identifier(input.name);
  const plain = { isMissing: `${column} IS NULL`, text: `CAST(${column} AS VARCHAR)` };
  // A column without a value has whatever type its writer fell back on.
  if (found === '"NULL"' || found === 'NULL') return missing(input);
  if (input.columnType === 'timestamp' && integerType.test(found)) return { ...plain, typed: timeOfMilliseconds(column) };
  if (input.columnType === 'boolean' && integerType.test(found))
    return { ...plain, typed: `CASE ${column} WHEN 0 THEN false WHEN 1 THEN true END` };
  const reading = readColumn(input.name, spec.type, found, typing);
  if (input.columnType !== 'timestamp' || !reading) return reading;
  // In CSV every value is text, and in JSON those of a column that has both numbers and dates; no date is digits alone.
  const milliseconds = isText.test(found) ? readColumn(input.name, 'integer', found, typing)?.typed : undefined;
  return milliseconds === undefined ? reading : { ...reading, typed: `coalesce(${reading.typed}, ${timeOfMilliseconds(milliseconds)})` };
}

/** @param number SQL of an integer, milliseconds since 1970; what is beyond JavaScript's times is read as NULL */
function timeOfMilliseconds(number: string): string {
  return `CASE WHEN abs(CAST(${number} AS HUGEINT)) <= ${maxTimestampMs} THEN epoch_ms(CAST(${number} AS BIGINT)) END`;
}
