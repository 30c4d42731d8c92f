import type { GraphBuilder } from '../onnx-builder.js';
import type { Tape, TapeCall } from '../tape.js';
import { activationLowerings } from './activation.js';
import { affineSampleLowerings } from './affine-sample.js';
import { arithmeticLowerings } from './arithmetic.js';
import { comparisonLowerings } from './comparison.js';
import { convolutionLowerings } from './convolution.js';
import { gatherLowerings } from './gather.js';
import { foldBiasGradients } from './fold-bias-gradients.js';
import { fuseConvolutions } from './fuse-convolutions.js';
import { type ImageResult, KernelCall, type Lowering, type LoweringTable, refusal } from './kernel-call.js';
import { elementwiseLayout, type LoweringState, valueName } from './lowering-state.js';
import { matMulLowerings } from './mat-mul.js';
import { normalizationLowerings } from './normalization.js';
import { poolingLowerings } from './pooling.js';
import { randomNumberLowerings } from './random-numbers.js';
import { rectifyBeforePooling } from './rectify-before-pooling.js';
import { reductionLowerings } from './reduction.js';
import { resizingLowerings } from './resizing.js';
import { shapeLowerings } from './shape.js';
import { sliceLowerings } from './slice.js';

/** Every kernel that can be written as ONNX. */
export const lowerings: LoweringTable = {
  ...activationLowerings,
  ...affineSampleLowerings,
  ...arithmeticLowerings,
  ...comparisonLowerings,
  ...convolutionLowerings,
  ...gatherLowerings,
  ...matMulLowerings,
  ...normalizationLowerings,
  ...poolingLowerings,
  ...randomNumberLowerings,
  ...reductionLowerings,
  ...resizingLowerings,
  ...shapeLowerings,
  ...sliceLowerings,
};

export interface LowerOptions {
  /** The length that stands for a batch of any size in the tape's shapes; must be the length of nothing else. */
  readonly dynamicBatch?: number;
  /** Channels of a block in this machine's convolutions; absent: the graph is to run on any machine. */
  readonly channelBlock?: number;
}

/**
 * Write a recorded computation into a graph.
 *
 * @param inputs ONNX name of each of the tape's inputs
 * @returns ONNX name of each of the tape's outputs; it may be that of an input or a constant
 * @throws AnnealError `InvalidModel` for a kernel, an attribute or an element type without a translation; names kernel and layer
 */
export function lowerTape<Outputs extends string = string>(
  builder: GraphBuilder,
  recorded: Tape,
  inputs: Readonly<Record<string, string>>,
  options: LowerOptions = {},
): Record<Outputs, string> {
  const tape = foldBiasGradients(rectifyBeforePooling(fuseConvolutions(recorded)));
  const state: LoweringState = {
    builder,
    values: tape.values,
    names: new Map(),
    notes: new Map(),
    channelsFirst: new Map(),
    blocked: new Map(),
    channelBlock: options.channelBlock ?? 1,
    kernels: new Set(tape.calls.map(({ kernel }) => kernel)),
    dynamicBatch: options.dynamicBatch,
    batchInput: Object.entries(tape.inputs).flatMap(([name, id]) =>
      inputs[name] !== undefined && options.dynamicBatch !== undefined && tape.values[id].shape[0] === options.dynamicBatch
        ? [inputs[name]]
        : [],
    )[0],
  };
  for (const [name, id] of Object.entries(tape.inputs)) {
    if (inputs[name] !== undefined) state.names.set(id, inputs[name]);
  }
  for (const call of tape.calls) {
    const lowering = checkedLowering(call, state);
    const layout = lowering.elementwise ? elementwiseLayout(state, call) : 'as recorded';
    const made = lowering.lower(new KernelCall(state, call, layout));
    if (isImageResult(made)) {
      if ('blocked' in made) state.blocked.set(call.outputs[0], made.blocked);
      else state.channelsFirst.set(call.outputs[0], made.channelsFirst);
      continue;
    }
    if (layout !== 'as recorded') {
      (layout === 'blocked' ? state.blocked : state.channelsFirst).set(call.outputs[0], made as string);
      continue;
    }
    const names = typeof made === 'string' ? [made] : made;
    call.outputs.forEach((id, i) => {
      if (!state.names.has(id)) state.names.set(id, names[i]);
    });
  }
  return Object.fromEntries(Object.entries(tape.outputs).map(([name, id]) => [name, valueName(state, id)])) as Record<Outputs, string>;
}

function isImageResult(made: ReturnType<Lowering['lower']>): made is ImageResult {
  return typeof made === 'object' && ('channelsFirst' in made || 'blocked' in made);
}

function checkedLowering(call: TapeCall, state: LoweringState): Lowering {
  const lowering = lowerings[call.kernel];
  if (!lowering) throw refusal(call, 'has no translation');
  for (const [name, value] of Object.entries(call.attributes)) {
    if (value !== undefined && value !== null && !lowering.attributes?.includes(name))
      throw refusal(call, `carries the attribute ${name}=${JSON.stringify(value)}, which has no translation`);
  }
  const types = lowering.types ?? ['float32'];
  for (const id of Object.values(call.inputs)) {
    const { dtype } = state.values[id];
    if (!types.includes(dtype)) throw refusal(call, `is applied to a ${dtype} tensor, for which it has no translation`);
  }
  return lowering;
}
