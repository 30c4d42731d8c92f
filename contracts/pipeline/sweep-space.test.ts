import { describe, expect, it } from '@jest/globals';
import { definePipeline, type PipelineInput, type PipelineSpec } from '../pipeline.js';

const mlp = { family: 'mlp' };

function searching(space: object, model: object | string = mlp, sweep: object = {}, training: object = {}): PipelineSpec {
  return definePipeline({
    name: 'houses',
    source: { format: 'csv', uri: 'houses.csv' },
    columns: { size: { type: 'float' } },
    target: { task: 'regression', name: 'price', expression: 'price' },
    split: { kind: 'random' },
    features: { size: { kind: 'numeric', column: 'size' } },
    model,
    training,
    sweep: { space, ...sweep },
  } as unknown as PipelineInput);
}

const uniform = (low: number, high: number) => ({ kind: 'uniform', low, high });
const choice = (...values: unknown[]) => ({ kind: 'choice', values });

describe('the space of a sweep', () => {
  it.each<[string, object, string]>([
    ['training.lr', uniform(0, 1), 'there is no field "training.lr"; there are engine, epochs,'],
    ['model.hiden', choice([8]), 'there is no field "model.hiden" (did you mean "model.hidden"?)'],
    ['training.optimiser.beta', uniform(0, 0.5), 'there is no field "training.optimiser" (did you mean "training.optimizer"?)'],
    ['training.schedule.final', uniform(0, 1), '"training.schedule" is "cosine" in the definition, which has no parts'],
    ['training.learningRate', uniform(0.001, 599.7), 'high 599.7 is not possible, expected at most 10'],
    ['training.learningRate', uniform(0, 1), 'low 0 is not possible, expected more than 0'],
    ['training.learningRate', choice(0.1, 'a'), '"a" is not possible, expected a number'],
    ['model.dropout', uniform(0, 1.58), 'high 1.58 is not possible, expected at most 0.9'],
    ['model.hidden', choice([8], [0]), '[0] is not possible, expected at least 1 for each'],
    ['model.activation', choice('relu', 'rely'), '"rely" is not possible, expected one of "relu", "tanh"'],
    ['training.epochs', uniform(1.5, 3), 'low 1.5 is not possible, expected a whole number'],
    [
      'training.schedule',
      choice('linear'),
      '"linear" is not possible, expected one of "cosine", "constant", or an object such as {"kind": "constant"}, ',
    ],
    ['training.optimizer.beta1', uniform(0.5, 0.9), 'low 0.5 does not go with training.optimizer.kind, expected one of "adamw"'],
    ['training.loss', choice({ kind: 'focal' }), '{"kind":"focal"} is not possible: training.loss: a regression target cannot be trained'],
    ['training.optimizer', choice({ kind: 'sgd', momentun: 0.5 }), '(did you mean "training.optimizer.momentum"?)'],
  ])('refuses %s of %j: %s', (path, range, problem) => {
    expect(() => searching({ [path]: range })).toThrow(
      expect.objectContaining({ type: 'InvalidPipeline', message: expect.stringContaining(`sweep.space.${path}: `) }),
    );
    expect(() => searching({ [path]: range })).toThrow(problem);
  });

  it('may name what only another choice of it makes possible', () => {
    const space = { 'model.family': choice('linear', 'mlp'), 'model.hidden': choice([8], [16]) };
    expect(searching(space, { family: 'linear' }).sweep!.space).toEqual(space);
    expect(() => searching({ 'model.hidden': choice([8]) }, { family: 'linear' })).toThrow('there is no field "model.hidden"');
  });

  it('draws whole numbers where a field takes no others', () => {
    const space = { 'training.epochs': uniform(1, 3), 'training.batchSize': { kind: 'log-uniform', low: 16, high: 512 } };
    const checked = searching(space).sweep!.space;
    expect(checked).toEqual({
      'training.epochs': { kind: 'integer', low: 1, high: 3 },
      'training.batchSize': { kind: 'log-integer', low: 16, high: 512 },
    });
    expect(searching(checked).sweep!.space).toEqual(checked);
  });

  it('refuses a range with a hole in it', () => {
    expect(() => searching({ 'model.dropout': { kind: 'integer', low: 0, high: 1 } })).toThrow('high 1 is not possible');
    expect(() => searching({ 'model.residual': choice(true, 'x') })).toThrow('"x" is not possible, expected true or false');
  });

  it('fills in what a choice leaves out', () => {
    expect(searching({ 'training.optimizer': choice({ kind: 'sgd' }) }).sweep!.space).toEqual({
      'training.optimizer': choice({ kind: 'sgd', momentum: 0.9, nesterov: false }),
    });
  });

  it('must name something when there is more than one trial', () => {
    expect(() => searching({})).toThrow('sweep.space: names nothing to draw, so all 8 trials would be the same');
    expect(searching({}, mlp, { trials: 1 }).sweep!.trials).toBe(1);
  });

  it('takes any option of a model file', () => {
    const space = { 'model.options.units': choice(8, 16) };
    expect(searching(space, './net.ts').sweep!.space).toEqual(space);
    expect(() => searching({ 'model.units': choice(8) }, './net.ts')).toThrow(
      'there is no field "model.units"; what the model file is given is searched as "model.options.units"',
    );
  });
});
