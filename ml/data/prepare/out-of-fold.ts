import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FindLabelIssuesInput } from '../../../contracts/cross-validation.js';
import type { PreparedManifest } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { ArtifactRef } from '../../../contracts/reference.js';
import type { DataContext } from '../data-context.js';
import type { DataSession } from '../duckdb-session.js';
import { pathLiteral, textLiteral } from '../sql-quoting.js';

/** What the folds predict for the rows that they did not train on, in the order of the rows. */
export interface OutOfFold {
  /** Numbers of the rows among the clean rows, from 1, shape [N]. */
  readonly row: Float64Array;
  readonly fold: Uint8Array;
  /** Index of the class that the row was given, shape [N]. */
  readonly given: Uint32Array;
  /** Shape [N, classes]. */
  readonly probabilities: Float32Array;
}

/**
 * Bring the predictions of all folds back into the order of the rows.
 *
 * @param classes number of classes
 * @throws AnnealError `ArtifactCorrupt` when folds, predictions and rows do not fit together
 */
export async function readOutOfFold(
  session: DataSession,
  { folds, assignment }: FindLabelIssuesInput,
  classes: number,
  { store }: DataContext,
): Promise<OutOfFold> {
  const sources = await Promise.all(
    folds.map(async ({ fold, predictions, prepared }) => {
      const { heldOut } = await store.readJson<PreparedManifest>(prepared);
      const given = floats(await store.readBytes(heldOut!.target));
      return { fold, given, probabilities: asProbabilities(floats(await store.readBytes(predictions)), given.length, classes), next: 0 };
    }),
  );
  const bySource = new Map(sources.map((source) => [source.fold, source]));
  const path = pathLiteral(await store.localPath(assignment));
  const rows = sources.reduce((sum, { given }) => sum + given.length, 0);
  const found = {
    row: new Float64Array(rows),
    fold: new Uint8Array(rows),
    given: new Uint32Array(rows),
    probabilities: new Float32Array(rows * classes),
  };
  let at = 0;
  for await (const chunk of session.chunks(`SELECT CAST("row" AS DOUBLE), fold FROM read_parquet(${path})`)) {
    const [numbers, holders] = [chunk.getColumnVector(0), chunk.getColumnVector(1)];
    const { rowCount } = chunk;
    for (let i = 0; i < rowCount; i++, at++) {
      const source = bySource.get(holders.getItem(i) as number);
      if (!source || source.next >= source.given.length) throw misfit();
      found.row[at] = numbers.getItem(i) as number;
      found.fold[at] = source.fold;
      found.given[at] = source.given[source.next];
      found.probabilities.set(source.probabilities.subarray(source.next * classes, (source.next + 1) * classes), at * classes);
      source.next++;
    }
  }
  if (at !== rows) throw misfit();
  return found;
}

/** Keep them as Parquet. */
export async function keepOutOfFold(
  session: DataSession,
  rows: OutOfFold,
  classes: readonly string[],
  { store }: DataContext,
): Promise<ArtifactRef> {
  const csv = join(session.scratch, 'out-of-fold.csv');
  await pipeline(Readable.from(csvLines(rows, classes.length)), createWriteStream(csv));
  const names = `[${classes.map(textLiteral).join(', ')}]`;
  const probabilities = classes.map((_, k) => `p${k}`);
  const columns = ['"row": \'BIGINT\'', "fold: 'INTEGER'", "given: 'INTEGER'", ...probabilities.map((name) => `${name}: 'FLOAT'`)];
  const path = join(session.scratch, 'out-of-fold.parquet');
  await session.run(
    `COPY (SELECT "row", fold, ${names}[given + 1] AS given, [${probabilities.join(', ')}] AS probabilities
       FROM read_csv(${pathLiteral(csv)}, header = false, auto_detect = false, delim = ',', columns = {${columns.join(', ')}}))
     TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  return store.putFile(path);
}

const linesAtOnce = 10_000;

function* csvLines({ row, fold, given, probabilities }: OutOfFold, classes: number): Generator<string> {
  let lines: string[] = [];
  for (let i = 0; i < row.length; i++) {
    lines.push(`${row[i]},${fold[i]},${given[i]},${probabilities.subarray(i * classes, (i + 1) * classes).join(',')}\n`);
    if (lines.length < linesAtOnce) continue;
    yield lines.join('');
    lines = [];
  }
  yield lines.join('');
}

/** Of two classes, the predictions are the probability of the second. */
function asProbabilities(predictions: Float32Array, rows: number, classes: number): Float32Array {
  if (predictions.length === rows * classes) return predictions;
  if (classes !== 2 || predictions.length !== rows) throw misfit();
  const both = new Float32Array(rows * 2);
  for (let i = 0; i < rows; i++) {
    both[2 * i] = 1 - predictions[i];
    both[2 * i + 1] = predictions[i];
  }
  return both;
}

function floats(bytes: Uint8Array): Float32Array {
  // A copy: small files come from Node's shared pool, at any offset.
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

function misfit(): AnnealError {
  return new AnnealError(
    failureTypes.artifactCorrupt,
    'The predictions of the folds do not fit the rows that they held out: expected one prediction for each of them. An artifact of the cross-validation was changed; start a new run.',
  );
}
