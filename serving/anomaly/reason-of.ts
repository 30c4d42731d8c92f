import type { ModelManifest } from '../../contracts/model.js';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import type { ModelExecutor } from '../executors/executor.js';
import type { Batch, Column } from '../tensors.js';
import { type AnomalyKind, newIn } from './column-checks.js';

const words: Readonly<Record<AnomalyKind, string>> = {
  missing: 'has no value, which no training row lacked',
  range: 'is far out of the range of the training rows',
  category: 'has a category that no training row had',
  type: 'has a value of another type',
};
/** Columns that are named. */
const most = 3;
/** Wider models are not asked which column it is: it takes a row for each. */
const mostColumns = 512;

/**
 * Say in words which columns make a row unusual, without a value: what is new in them, or else those that are the most unusual each
 * by itself. These the model is asked for: an ordinary row with one of the row's values at a time.
 */
export async function reasonOf(executor: ModelExecutor, batch: Batch, row: number): Promise<string> {
  const found = newIn(executor.anomalies?.checks ?? [], batch, row);
  if (found.length > 0) {
    const named = found.slice(0, most).map(({ column, kind }) => `the column "${column}" ${words[kind]}`);
    return [...named, ...(found.length > most ? [`and ${found.length - most} more columns have something new`] : [])].join(', ');
  }
  const columns = await unusualColumns(executor, batch, row).catch(() => []);
  if (columns.length === 0) return 'the values of its columns do not occur together';
  return `its most unusual columns are ${columns.map((column) => `"${column}"`).join(', ')}`;
}

async function unusualColumns(executor: ModelExecutor, batch: Batch, row: number): Promise<string[]> {
  const { inputs } = executor.manifest;
  if (inputs.length > mostColumns || inputs.some(({ type }) => type === 'uint8')) return [];
  // Row i is ordinary but for column i; the last one is ordinary.
  const rows = inputs.length + 1;
  const columns = inputs.map((input, i): Column => {
    const usual = typicalValue(executor.manifest, i);
    const value = (at: number): Column[number] => (at === i ? batch.columns[i][row] : usual);
    if (input.type === 'string') return Array.from({ length: rows }, (_, at) => value(at) as string);
    if (input.type === 'int64') return BigInt64Array.from({ length: rows }, (_, at) => value(at) as bigint);
    return Float64Array.from({ length: rows }, (_, at) => value(at) as number);
  });
  const { anomaly } = await executor.probe({ rows, columns });
  if (!anomaly) return [];
  const usual = anomaly[rows - 1];
  return inputs
    .map(({ name }, i) => ({ name, score: anomaly[i] }))
    .filter(({ score }) => score > usual)
    .toSorted((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ name }) => name);
}

function typicalValue({ inputs, profile = [] }: ModelManifest, position: number): Column[number] {
  const { name, type } = inputs[position];
  const typical = profile.find((column) => column.name === name)?.typical ?? null;
  if (type === 'string') return typeof typical === 'string' ? typical : '';
  if (type === 'int64') return typical === null ? missingTimestamp : BigInt(Math.round(Number(typical)));
  return typical === null ? Number.NaN : Number(typical);
}
