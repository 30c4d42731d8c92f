import type { TraceParent } from './trace-parent.js';

/** Decides whether a request is traced. */
export type Sampler = (parent: TraceParent | undefined) => boolean;

/** Of the traces that begin at a host, where nothing else is set: a busy host makes more spans than anyone reads. */
export const defaultShare = 0.01;

/**
 * The sampler of OpenTelemetry's variables `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`. Without them the caller decides, and of
 * what has no caller's trace a hundredth is traced.
 *
 * @param random in [0, 1)
 */
export function samplerOf(env: NodeJS.ProcessEnv, random: () => number = Math.random): Sampler {
  // An empty variable is one that is not set.
  const [name, share] = [env.OTEL_TRACES_SAMPLER || undefined, env.OTEL_TRACES_SAMPLER_ARG || undefined];
  const ratio = share === undefined ? (name === undefined ? defaultShare : 1) : Number(share);
  const root = rootSampler(name ?? 'traceidratio', ratio, random);
  if (name !== undefined && !name.startsWith('parentbased_')) return root;
  return (parent) => (parent ? parent.isSampled : root(undefined));
}

function rootSampler(name: string, ratio: number, random: () => number): Sampler {
  if (name.endsWith('always_on')) return () => true;
  if (name.endsWith('always_off')) return () => false;
  // All who see a trace decide alike by its id.
  return (parent) => (parent ? foldedId(parent.traceId) < ratio : random() < ratio);
}

/** As OpenTelemetry's SDK for JavaScript folds a trace's id. @returns in [0, 1) */
function foldedId(traceId: Uint8Array): number {
  const words = new DataView(traceId.buffer, traceId.byteOffset, 16);
  let folded = 0;
  for (let i = 0; i < 16; i += 4) folded ^= words.getUint32(i);
  return (folded >>> 0) / 2 ** 32;
}
