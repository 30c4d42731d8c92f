import { z } from 'zod';

const units = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;
const sizePattern = /^(\d+(?:\.\d+)?) ?(KiB|MiB|GiB|TiB|KB|MB|GB|TB)$/;

/** `1GiB`, `512MiB`, `1.5GB` → bytes; NaN for another text. */
export function sizeInBytes(text: string): number {
  const match = sizePattern.exec(text);
  return match ? Math.floor(Number(match[1]) * units[match[2] as keyof typeof units]) : Number.NaN;
}

const size = (least: string) =>
  z
    .string()
    .regex(sizePattern, 'write a size with its unit, for example "512MiB" or "2GB"')
    .refine((text) => !(sizeInBytes(text) < sizeInBytes(least)), `at least ${least}`);

/** How much of a machine the stages of the data may take. None of it changes the result. */
export const dataSpec = z.strictObject({
  /** Memory of one stage (ingest, validate, prepare) on top of what its worker needs anyway; more goes to disk. */
  memoryLimit: size('256MiB').default('1GiB'),
  /** Files of a source are ingested together up to this size; a larger file stays one piece. */
  partitionSize: size('1MiB').default('256MiB'),
  /** Partitions of a source that are ingested at a time, as far as there are workers for them. */
  concurrency: z.number().int().min(1).max(64).default(4),
});

export type DataSpec = z.output<typeof dataSpec>;
