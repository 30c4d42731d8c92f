import { describe, expect, it } from '@jest/globals';
import { definePipeline, type PipelineInput } from '../pipeline.js';

type Feature = PipelineInput['features'][string];

function define(feature: Feature, type: 'string' | 'float' | 'integer' | 'timestamp' = 'string'): unknown {
  return definePipeline({
    name: 'houses',
    source: { format: 'csv', uri: 'houses.csv' },
    columns: { column: { type } },
    target: { task: 'regression', name: 'price', expression: 'price' },
    split: { kind: 'random' },
    features: { x: feature },
    model: { family: 'linear' },
  });
}

describe('a feature', () => {
  it.each([
    [
      { kind: 'numeric', column: 'column' },
      'string',
      /x: numeric needs an integer, float or boolean column, "column" is string; for that choose categorical or text/,
    ],
    [
      { kind: 'text', column: 'column' },
      'integer',
      /x: text needs a string column, "column" is integer; for that choose numeric or categorical/,
    ],
    [{ kind: 'calendar', column: 'column', part: 'hour' }, 'float', /x: calendar needs a timestamp column/],
    [{ kind: 'categorical', column: 'column', buckets: 9 }, 'string', /x\.buckets: belongs to the encoding hashing, not to embedding/],
    [
      { kind: 'categorical', column: 'column', encoding: 'hashing', minCount: 2 },
      'string',
      /x\.minCount: belongs to the encoding embedding, one-hot, target/,
    ],
    [
      { kind: 'categorical', column: 'column', encoding: 'target', dimension: 4 },
      'string',
      /x\.dimension: the encoding target has no vectors/,
    ],
    [
      { kind: 'categorical', column: 'column', encoding: 'one-hot', maxCategories: 5000 },
      'string',
      /x\.maxCategories: a one-hot feature has at most 2048/,
    ],
    [{ kind: 'calendar', column: 'column', part: 'year', encoding: 'cyclical' }, 'timestamp', /x\.encoding: a year has no end/],
    [
      { kind: 'calendar', column: 'column', part: 'hour', encoding: 'cyclical', dimension: 4 },
      'timestamp',
      /x\.dimension: only the encoding embedding/,
    ],
    [{ kind: 'numeric', column: 'column', clip: { low: 3, high: 3 } }, 'float', /x\.clip: low \(3\) must be below high \(3\)/],
    [
      { kind: 'numeric', column: 'column', clip: { quantiles: [0.9, 0.1] } },
      'float',
      /x\.clip\.quantiles: the lower one \(0\.9\) must be below/,
    ],
    [{ kind: 'numeric', column: 'column', clip: {} }, 'float', /x\.clip: needs low, high or both, or quantiles/],
  ] as const)('is refused when its options do not go together: %j', (feature, type, message) => {
    expect(() => define(feature as Feature, type)).toThrow(message);
  });

  it.each([
    [{ kind: 'numeric', column: 'column', scale: 'quantile', clip: { quantiles: [0.01, 0.99] }, impute: 0 }, 'float'],
    [{ kind: 'categorical', column: 'column', encoding: 'target', smoothing: 0, folds: 10, minCount: 3 }, 'integer'],
    [{ kind: 'calendar', column: 'column', part: 'year' }, 'timestamp'],
    [{ kind: 'text', column: 'column', ngrams: 2 }, 'string'],
  ] as const)('is accepted when they do: %j', (feature, type) => {
    expect(() => define(feature as Feature, type)).not.toThrow();
  });
});
