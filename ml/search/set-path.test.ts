import { describe, expect, it } from '@jest/globals';
import { applyParameters } from './apply-parameters.js';
import { setPath } from './set-path.js';

const definition = { name: 'flights', training: { epochs: 5 }, gates: [{ metric: 'auc', min: 0.7 }] };

describe('setPath', () => {
  it.each<[string, unknown, unknown]>([
    ['name', 'other', { ...definition, name: 'other' }],
    ['training.epochs', 2, { ...definition, training: { epochs: 2 } }],
    ['training.earlyStopping.patience', 3, { ...definition, training: { epochs: 5, earlyStopping: { patience: 3 } } }],
    ['gates.0.min', 0.8, { ...definition, gates: [{ metric: 'auc', min: 0.8 }] }],
    ['gates.1', { metric: 'ece', max: 0.1 }, { ...definition, gates: [...definition.gates, { metric: 'ece', max: 0.1 }] }],
    ['model', { family: 'mlp' }, { ...definition, model: { family: 'mlp' } }],
  ])('sets %s', (path, value, expected) => {
    const before = structuredClone(definition);
    expect(setPath<unknown>(definition, path, value)).toEqual(expected);
    expect(definition).toEqual(before);
  });

  it.each([
    ['', /not a path/],
    ['training..epochs', /not a path/],
    ['__proto__.polluted', /not a path/],
    ['training.constructor.x', /not a path/],
    ['name.first', /"name" is "flights", which has no parts/],
    ['gates.min', /a list of 1 items/],
    ['gates.5', /a list of 1 items/],
  ])('refuses %p with the way out', (path, message) => {
    expect(() => setPath(definition, path, 1)).toThrow(message);
    expect(() => setPath(definition, path, 1)).toThrow(expect.objectContaining({ type: 'InvalidPipeline' }));
  });
});

describe('applyParameters', () => {
  it('sets every path and leaves the definition alone', () => {
    const applied = applyParameters(definition, { 'training.epochs': 1, 'training.learningRate': 0.01 });
    expect(applied).toEqual({ ...definition, training: { epochs: 1, learningRate: 0.01 } });
    expect(definition.training).toEqual({ epochs: 5 });
  });
});
