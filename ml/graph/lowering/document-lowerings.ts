import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { AnnealError } from '../../../contracts/failures.js';
import { addChainedOps } from '../../models/module/chained-ops.js';
import { GraphBuilder } from '../onnx-builder.js';
import { type Tape, type TapeInput, recordTape } from '../tape.js';
import { allCases } from './all-cases.js';
import { lowerings, lowerTape } from './lower-tape.js';
import type { LoweringCase } from './lowering-cases.js';

/** Whether the gradient of a kernel lowers, as far as the cases tell. */
interface GradientReport {
  lowers: boolean;
  /** Why one does not, in the order of the cases. */
  readonly refused: Set<string>;
}

// The gradient of a product calls methods of tensors.
addChainedOps();

/**
 * The page `docs/lowerings.md`: every kernel that can be written as ONNX, what of it is taken and what is refused, and whether the
 * gradients of the cases in the table lower too.
 *
 * Deterministic, so that a test can say when the page is stale.
 */
export function documentLowerings(): string {
  const gradients = gradientReports();
  const rows = Object.keys(lowerings)
    .sort()
    .map((kernel) => {
      const { attributes = [], types = ['float32'], refuses } = lowerings[kernel];
      return [
        `\`${kernel}\``,
        types.join(', '),
        attributes.map((name) => `\`${name}\``).join(', '),
        gradientText(gradients.get(kernel)),
        refuses ?? '',
      ].join(' | ');
    });
  return `# What the compiled engine can translate

<!-- Written by "npm run docs:lowerings"; a test fails when it is stale. -->

The ${rows.length} kernels of TensorFlow.js that can be written as ONNX. Each is compared with eager TensorFlow.js, value by value, by the table of cases beside its lowering (\`ml/graph/lowering/\`), and so are the gradients of these cases. A call with an attribute or an element type that is not named here is refused, by its kernel and layer, never overlooked. Images have their channels last. **Gradient**: yes where TensorFlow.js' gradient of the kernel lowers too; where nothing stands, TensorFlow.js has none, or the kernel is itself part of gradients.

| kernel | element types | attributes | gradient | refused |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join('\n')}
`;
}

function gradientText(report: GradientReport | undefined): string {
  if (!report) return '';
  const refused = [...report.refused].join('; ');
  if (!report.lowers) return refused === '' ? '' : `no: ${refused}`;
  return refused === '' ? 'yes' : `yes, but: ${refused}`;
}

function gradientReports(): Map<string, GradientReport> {
  const reports = new Map<string, GradientReport>();
  for (const { inputs, compute } of allCases) {
    const forward = recordTape(inputs, (tensors) => named(compute({ ...tensors })));
    const kernels = [...new Set(forward.calls.map(({ kernel }) => kernel))];
    // What several kernels make up says nothing of one of them.
    if (kernels.length !== 1) continue;
    const result = lowerGradient({ inputs, compute });
    if (result === undefined) continue;
    const report = reports.get(kernels[0]) ?? { lowers: false, refused: new Set<string>() };
    if (result === true) report.lowers = true;
    else report.refused.add(result);
    reports.set(kernels[0], report);
  }
  return reports;
}

/** @returns true, why it does not lower, or undefined where there is no gradient */
export function lowerGradient(each: Pick<LoweringCase, 'inputs' | 'compute'>): true | string | undefined {
  const gradient = gradientOf(each);
  if (!gradient) return undefined;
  let tape: Tape;
  try {
    tape = recordTape(each.inputs, (tensors) => named(gradient({ ...tensors })));
  } catch {
    return undefined;
  }
  try {
    lowerTape(new GraphBuilder('gradient'), tape, Object.fromEntries(Object.keys(each.inputs).map((name) => [name, name])));
    return true;
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    const { kernel, reason } = error.details as { kernel: string; reason: string };
    return `\`${kernel}\` ${reason}`;
  }
}

/** The gradient of Σ y² with respect to every float input, of a case whose result is one float tensor. */
export function gradientOf({ inputs, compute }: Pick<LoweringCase, 'inputs' | 'compute'>): LoweringCase['compute'] | undefined {
  const floats = (Object.entries(inputs) as [string, TapeInput][]).filter(([, { dtype }]) => dtype === 'float32').map(([name]) => name);
  if (floats.length === 0) return undefined;
  return (tensors) =>
    tf.grads((...given) => {
      const results = [compute({ ...tensors, ...Object.fromEntries(floats.map((name, i) => [name, given[i]])) })].flat();
      return tf.addN(results.map((result) => tf.sum(tf.square(tf.cast(result, 'float32')))));
    })(floats.map((name) => tensors[name]));
}

function named(result: tf.Tensor | tf.Tensor[]): Record<string, tf.Tensor> {
  return Object.fromEntries([result].flat().map((tensor, i) => [String(i), tensor]));
}
