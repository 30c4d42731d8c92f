import { describe, expect, it } from '@jest/globals';
import { definePipeline, type PipelineInput } from './pipeline.js';

function pipelineWithColumn(column: string): PipelineInput {
  return {
    name: 'houses',
    source: { format: 'csv', uri: 'houses.csv' },
    columns: { [column]: { type: 'float' } },
    target: { task: 'regression', name: 'price', expression: 'price' },
    split: { kind: 'random' },
    features: { size: { kind: 'numeric', column } },
    model: { family: 'linear' },
  };
}

describe('definePipeline', () => {
  it.each(['value', 'probabilities', 'class_index'])('refuses a feature of a column named like the output %s of the model', (column) => {
    expect(() => definePipeline(pipelineWithColumn(column))).toThrow(
      expect.objectContaining({
        type: 'InvalidPipeline',
        message: expect.stringContaining(`features.size.column: "${column}" is the name of an output`),
      }),
    );
  });

  it('accepts any other column', () => {
    expect(definePipeline(pipelineWithColumn('values')).features.size.column).toBe('values');
  });
});
