import { z } from 'zod';

/** A file of the user that exports a function from `ModelContext` to a tfjs model. */
export const moduleModel = z.strictObject({
  family: z.literal('module'),
  /** Path of the file, relative to the pipeline's file. */
  module: z.string().min(1).max(4096),
  /** Handed to the function as they are; a sweep may search them (`model.options.width`). */
  options: z.record(z.string(), z.json()).default({}),
  /** The bundled source; whoever submits the pipeline puts it into the artifact store. */
  source: z.strictObject({ uri: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: z.int().min(1) }).optional(),
});

export type ModuleModelSpec = z.output<typeof moduleModel>;

/** `'./models/my-net.ts'`, or the same with options beside it. */
export type ModuleShorthand = string | ({ readonly module: string; readonly family?: undefined } & Readonly<Record<string, unknown>>);

/** Write a shorthand out; everything else passes as it is. */
export function expandModule(model: unknown): unknown {
  if (typeof model === 'string') return { family: 'module', module: model };
  if (typeof model !== 'object' || model === null || !('module' in model) || 'family' in model) return model;
  const { module, ...options } = model;
  return { family: 'module', module, options };
}
