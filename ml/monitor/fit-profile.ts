import type { FittedTransform, RawInput } from '../../contracts/dataset.js';
import type { AnomalyScore, ColumnProfile, TrainingProfile } from '../../contracts/training-profile.js';
import type { DataSession } from '../data/duckdb-session.js';
import { rowNumberColumn } from '../data/split/part-relation.js';
import { identifier } from '../data/sql-quoting.js';
import { categoryText } from '../data/transform/category-text.js';
import { countCells } from './count-cells.js';
import { type ScoredColumns, scoredColumns } from './scored-columns.js';
import { scoreScale } from './score-scale.js';
import { indexSurprisals, numberSurprisals, squared, stairAt, toFloat32 } from './surprisal.js';
import { readValues, type SampledValues } from './sampled-values.js';

/** More categories than these are not kept, so none of them can be told to be new. */
const mostCategories = 10_000;
/** Columns of one query: many aggregates in one are slow to plan. */
const columnsOfQuery = 20;
/** Rows that distributions are made of, and values of all columns together. */
const sampleRows = 131_072;
const sampledCells = 3_000_000;

/**
 * Describe the training rows for whoever is to tell how unusual a row is: exact bounds, categories and missing values of every
 * column, and the anomaly score, fitted on an even sample of up to 131,072 rows.
 *
 * Deterministic: equal rows give an equal profile.
 *
 * @param relation name of a view of the training rows with the raw inputs as columns (see `rawColumn`) and their numbers
 * @param rows how many they are
 */
export async function fitProfile(
  session: DataSession,
  relation: string,
  transform: Pick<FittedTransform, 'features' | 'inputs' | 'layout'>,
  rows: number,
): Promise<TrainingProfile> {
  const scored = scoredColumns(transform);
  const times = transform.inputs.filter(({ columnType }) => columnType === 'timestamp');
  const numeric = [...scored.numbers, ...times];
  const wanted = Math.floor(Math.min(sampleRows, sampledCells / Math.max(1, numeric.length + scored.indices.length)));
  const stride = Math.max(1, Math.ceil(rows / Math.max(1, wanted)));
  const values = await readValues(
    session,
    `${relation} WHERE hash(${rowNumberColumn}) % ${stride} = 0`,
    scored.indices.map(({ sql }) => sql),
    numeric.map(({ name }) => `CAST(${identifier(name)} AS DOUBLE)`),
  );
  const ends = await endsOf(session, relation, transform.inputs);
  const categories = new Map<string, readonly Category[]>();
  for (const input of transform.inputs)
    if (isCategory(transform, input)) categories.set(input.name, await categoriesOf(session, relation, input));
  const isScored = values.rows > 0 && scored.numbers.length + scored.indices.length > 0;
  const fitted = isScored ? fitScore(scored, values, ends, complete(categories), rows) : undefined;
  const columns: ColumnProfile[] = [];
  for (const input of transform.inputs) {
    const { present, min, max } = ends.get(input.name)!;
    const base = { name: input.name, hasMissing: present < rows };
    const place = numeric.indexOf(input);
    const found = categories.get(input.name);
    if (found) columns.push({ ...base, ...categoryProfile(input, found) });
    else if (place >= 0 && present > 0) {
      const isTime = input.columnType === 'timestamp';
      const typical = isTime ? values.numbers[place][fitted?.ordinary ?? 0] : medianOf(values.numbers[place]);
      columns.push({ ...base, range: { min, max }, typical: Number.isFinite(typical) ? typical : min });
    } else columns.push({ ...base, typical: null });
  }
  return { formatVersion: 1, columns, ...(fitted ? { score: fitted.score } : {}) };
}

interface Ends {
  readonly present: number;
  readonly min: number;
  readonly max: number;
}

/** Counts, and bounds of what is a number to DuckDB, in all rows. */
async function endsOf(session: DataSession, relation: string, inputs: readonly RawInput[]): Promise<ReadonlyMap<string, Ends>> {
  const ends = new Map<string, Ends>();
  for (let from = 0; from < inputs.length; from += columnsOfQuery) {
    const batch = inputs.slice(from, from + columnsOfQuery);
    const selected = batch.map(({ name, type }, i) => {
      const bound = (of: string) => (type === 'string' ? 'NULL' : `CAST(${of}(${identifier(name)}) AS DOUBLE)`);
      return `count(${identifier(name)}) AS present_${i}, ${bound('min')} AS min_${i}, ${bound('max')} AS max_${i}`;
    });
    const [found] = await session.rows(`SELECT ${selected.join(', ')} FROM ${relation}`);
    batch.forEach(({ name }, i) =>
      ends.set(name, { present: Number(found[`present_${i}`]), min: Number(found[`min_${i}`]), max: Number(found[`max_${i}`]) }),
    );
  }
  return ends;
}

/** @returns the score, and the position of the sampled row that surprises least */
function fitScore(
  { numbers, indices }: ScoredColumns,
  values: SampledValues,
  ends: ReadonlyMap<string, Ends>,
  categories: ReadonlyMap<string, readonly Category[]>,
  rows: number,
): { readonly score: AnomalyScore; readonly ordinary: number } {
  const columns = numbers.map((_, i) => Float32Array.from(values.numbers[i], toFloat32));
  const ofNumbers = numbers.map(({ name }, i) => {
    const { min, max, present: of } = ends.get(name)!;
    const { present, missing } = numberSurprisals(
      countCells(columns[i], { min: toFloat32(min), max: toFloat32(max), present: of }, numbers.length),
    );
    return { input: name, present: { ...present, values: present.values.map(squared) }, missing: squared(missing) };
  });
  const ofIndices = indices.map(({ feature, input, size, vocabulary }, i) => {
    const known = categories.get(input);
    const counts =
      vocabulary && known ? countIndices(vocabulary, known, ends.get(input)!.present, rows) : countSampled(values.indices[i], size);
    return { feature, input, values: indexSurprisals(counts).map(squared) };
  });
  const sums = new Float32Array(values.rows);
  for (const [i, { values: surprises }] of ofIndices.entries())
    for (let row = 0; row < sums.length; row++) sums[row] += surprises[values.indices[i][row]];
  for (const [i, { present, missing }] of ofNumbers.entries()) {
    for (let row = 0; row < sums.length; row++) {
      const value = columns[i][row];
      sums[row] += Number.isNaN(value) ? missing : stairAt(present, value);
    }
  }
  const ordinary = sums.indexOf(sums.reduce((least, sum) => Math.min(least, sum)));
  return { score: { numbers: ofNumbers, indices: ofIndices, scale: scoreScale(sums) }, ordinary };
}

/** Whether a column is read as categories, and by no feature as a number. */
function isCategory({ features }: Pick<FittedTransform, 'features'>, { name }: RawInput): boolean {
  const kinds = new Set(features.flatMap(({ kind, input }) => (input === name ? [kind] : [])));
  return !kinds.has('numeric') && (kinds.has('categorical') || kinds.has('hashing') || kinds.has('target-encoding'));
}

interface Category {
  readonly text: string;
  readonly rows: number;
}

/** The most frequent first; one more than are kept, where there are so many. */
async function categoriesOf(session: DataSession, relation: string, input: RawInput): Promise<Category[]> {
  const text = categoryText(input);
  const found = await session.rows(
    `SELECT ${text} AS category, count(*) AS n FROM ${relation} WHERE ${text} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${mostCategories + 1}`,
  );
  return found.map(({ category, n }) => ({ text: String(category), rows: Number(n) }));
}

/** Those columns of which every category was counted. */
function complete(categories: ReadonlyMap<string, readonly Category[]>): ReadonlyMap<string, readonly Category[]> {
  return new Map([...categories].filter(([, found]) => found.length <= mostCategories));
}

function categoryProfile(input: RawInput, found: readonly Category[]): Pick<ColumnProfile, 'categories' | 'typical'> {
  const typical = found.length === 0 ? null : input.type === 'string' ? found[0].text : Number(found[0].text);
  return { ...(found.length <= mostCategories ? { categories: found.map(({ text }) => text).toSorted() } : {}), typical };
}

/** Rows by index, from those by category: 0 is missing, 1 what is not in the vocabulary. */
function countIndices(vocabulary: readonly string[], found: readonly Category[], present: number, rows: number): number[] {
  const byText = new Map(found.map((category) => [category.text, category.rows]));
  const known = vocabulary.map((text) => byText.get(text) ?? 0);
  const unknown = found.reduce((sum, category) => sum + category.rows, 0) - known.reduce((sum, count) => sum + count, 0);
  return [rows - present, unknown, ...known];
}

function countSampled(indices: Int32Array, size: number): number[] {
  const counts = Array.from<number>({ length: size }).fill(0);
  for (const index of indices) counts[index]++;
  return counts;
}

function medianOf(values: Float64Array): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted();
  return sorted[(sorted.length - 1) >> 1];
}
