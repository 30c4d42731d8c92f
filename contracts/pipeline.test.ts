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

  it('says what a gate looks like when it is given another form', () => {
    const misspelt = { ...pipelineWithColumn('size'), gates: [{ metric: 'r2', atLeast: 0.5 }] } as unknown as PipelineInput;
    expect(() => definePipeline(misspelt)).toThrow(/gates\.0: a gate is \{metric, min\}.*betterThan.*rmse, mae, r2/);
  });

  it('refuses a gate and a primary metric that the task does not have before anything is trained', () => {
    const pipeline = pipelineWithColumn('size');
    expect(() => definePipeline({ ...pipeline, gates: [{ metric: 'auc', min: 0.7 }] })).toThrow(
      /gates\.0\.metric: a regression model has no auc; its metrics are rmse, mae, r2/,
    );
    expect(() => definePipeline({ ...pipeline, evaluation: { primaryMetric: 'logLoss' } })).toThrow(
      /evaluation\.primaryMetric: a regression model has no logLoss/,
    );
    expect(definePipeline({ ...pipeline, gates: [{ metric: 'r2', min: 0.5 }] }).gates).toHaveLength(1);
  });
});

describe('the options of hidden layers', () => {
  const withModel = (model: object) => () => definePipeline({ ...pipelineWithColumn('values'), model } as PipelineInput).model;

  it.each(['mlp', 'wide-and-deep'])('are taken by %s', (family) => {
    const options = { dropout: 0.9, normalization: 'layer', residual: true };
    expect(withModel({ family, ...options })()).toMatchObject(options);
  });

  it('leave a model that does not name them as it was', () => {
    expect(withModel({ family: 'mlp' })()).toEqual({ family: 'mlp', hidden: [128, 64], activation: 'relu' });
  });

  it.each([{ dropout: 0.95 }, { dropout: -0.1 }, { normalization: 'batch' }, { residual: 'yes' }])(
    'are refused outside their range: %j',
    (options) => {
      expect(withModel({ family: 'mlp', ...options })).toThrow(expect.objectContaining({ type: 'InvalidPipeline' }));
    },
  );

  it('are not for the linear family', () => {
    expect(withModel({ family: 'linear', dropout: 0.1 })).toThrow('dropout');
  });
});
