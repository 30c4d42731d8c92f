import { definePipeline } from '../contracts/pipeline.js';

/**
 * "Departing now: will the flight arrive more than 15 minutes late?"
 *
 * Three million flights within the USA, January to June 2001. `date` is the actual departure, so the hour of the day and
 * the weekday are known when the question is asked; `delay` is only known afterwards and is no feature.
 */
export default definePipeline({
  name: 'flight-delay',
  description: 'Whether a US flight that departs now will be more than 15 minutes late (flights of January–June 2001)',
  source: { format: 'parquet', uri: 'npm:vega-datasets/data/flights-3m.parquet' },
  columns: {
    date: { type: 'timestamp', min: '2001-01-01', max: '2001-07-01' },
    // An hour ahead of schedule does not happen; the file has delays down to −1,116 minutes.
    delay: { type: 'integer', min: -60 },
    distance: { type: 'integer', min: 1, max: 6000 },
    origin: { type: 'string' },
    destination: { type: 'string' },
  },
  expectations: { minRows: 100_000, maxQuarantined: 0.001, minRowsPerClass: 1000 },
  target: { task: 'binary', name: 'late', expression: 'delay > 15', classes: ['on time', 'late'] },
  // The rows of July 1, a handful, belong to no part.
  split: {
    kind: 'time',
    column: 'date',
    train: { from: '2001-01-01', until: '2001-05-01' },
    validation: { from: '2001-05-01', until: '2001-06-01' },
    test: { from: '2001-06-01', until: '2001-07-01' },
  },
  features: {
    origin: { kind: 'categorical', column: 'origin' },
    destination: { kind: 'categorical', column: 'destination' },
    hour: { kind: 'calendar', column: 'date', part: 'hour' },
    minute: { kind: 'calendar', column: 'date', part: 'minute' },
    dayOfWeek: { kind: 'calendar', column: 'date', part: 'dayOfWeek' },
    distance: { kind: 'numeric', column: 'distance' },
  },
  model: { family: 'wide-and-deep', hidden: [128, 64] },
  training: {
    epochs: 5,
    batchSize: 2048,
    learningRate: 0.006,
    schedule: 'cosine',
    classWeights: 'balanced',
    earlyStopping: { patience: 2, minDelta: 0.0005 },
  },
  sweep: {
    trials: 8,
    eta: 3,
    rungs: [200, 800],
    concurrency: 2,
    space: {
      'training.learningRate': { kind: 'log-uniform', low: 0.002, high: 0.02 },
      'training.weightDecay': { kind: 'log-uniform', low: 1e-6, high: 1e-3 },
      'model.hidden': {
        kind: 'choice',
        values: [
          [64, 32],
          [128, 64],
          [128, 64, 32],
        ],
      },
      'model.embeddingScale': { kind: 'choice', values: [0.75, 1, 1.5] },
    },
  },
  evaluation: { slices: ['origin', 'hour'] },
  gates: [
    { metric: 'auc', min: 0.71 },
    { metric: 'auc', betterThan: 'baseline', by: 0.1 },
    { metric: 'auc', betterThan: 'champion', by: -0.005 },
  ],
});
