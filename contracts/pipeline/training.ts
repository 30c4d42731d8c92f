import { z } from 'zod';

export const trainingSpec = z.strictObject({
  engine: z.enum(['auto', 'onnxruntime', 'tfjs-node-gpu', 'tfjs-wasm', 'tfjs-cpu']).default('auto'),
  epochs: z.int().min(1).max(10_000).default(20),
  batchSize: z.int().min(1).max(1_048_576).default(256),
  learningRate: z.number().gt(0).max(10).default(0.002),
  schedule: z.enum(['cosine', 'constant']).default('cosine'),
  /** Decoupled weight decay (AdamW). */
  weightDecay: z.number().min(0).max(1).default(0),
  /** `balanced`: each class weighs N / (classes · N_class); classification only. */
  classWeights: z.enum(['balanced', 'none']).default('none'),
  earlyStopping: z.strictObject({ patience: z.int().min(1).default(2), minDelta: z.number().min(0).default(0.0005) }).optional(),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  /** Upper bound of a chunk of steps between two checkpoints, in seconds of wall time. */
  checkpointEverySeconds: z.number().gt(0).max(600).default(1),
});

export type TrainingSpec = z.output<typeof trainingSpec>;
