import { definePipeline, type PipelineInput, type PipelineSpec } from '../../contracts/pipeline.js';

/** A pipeline over `amount` and `label` ('yes' or 'no'), of which everything can be replaced. */
export function tablePipeline(source: PipelineInput['source'], changes: Partial<PipelineInput> = {}): PipelineSpec {
  return definePipeline({
    name: 'bad-data',
    source,
    columns: { amount: { type: 'float' }, label: { type: 'string' } },
    expectations: { minRows: 10, minRowsPerClass: 2 },
    target: { task: 'binary', name: 'answer', expression: `label = 'yes'` },
    split: { kind: 'random' },
    features: { amount: { kind: 'numeric', column: 'amount' } },
    model: { family: 'linear' },
    ...changes,
  });
}

/** CSV of 200 rows with `amount` and `label`; the values given come first, the others are numbers. */
export function tableCsv(values: readonly string[] = [], labelOf = (i: number): string => (i % 2 === 0 ? 'yes' : 'no')): string {
  const rows = Array.from({ length: 200 }, (_, i) => `${values[i] ?? (i * 37) % 101},${labelOf(i)}`);
  return `amount,label\n${rows.join('\n')}\n`;
}
