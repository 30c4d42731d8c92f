import type { Tape, TapeCall } from '../tape.js';

/**
 * Put the bias that is added to a convolution, and the rectifier after it, into the convolution's own call, which adds and rectifies
 * while its result is still at hand. The gradient of the rectifier then reads what it made: it is positive exactly where its input was.
 */
export function fuseConvolutions(tape: Tape): Tape {
  const users = new Map<number, TapeCall[]>();
  for (const call of tape.calls) for (const id of Object.values(call.inputs)) users.set(id, [...(users.get(id) ?? []), call]);
  for (const id of Object.values(tape.outputs)) users.set(id, [...(users.get(id) ?? []), outside]);
  /** What stands in the place of a call; nothing where it went into another one. */
  const replaced = new Map<TapeCall, TapeCall | undefined>();
  const rectified = new Map<number, number>();

  for (const convolution of tape.calls) {
    if (convolution.kernel !== 'Conv2D') continue;
    const [sum, ...others] = users.get(convolution.outputs[0]) ?? [];
    if (others.length > 0 || sum?.kernel !== 'Add') continue;
    const bias = Object.values(sum.inputs).find((id) => id !== convolution.outputs[0]);
    const channels = tape.values[convolution.outputs[0]].shape[3];
    if (bias === undefined || tape.values[bias].shape.join() !== `${channels}`) continue;
    const readers = users.get(sum.outputs[0]) ?? [];
    const rectifiers = readers.filter(({ kernel }) => kernel === 'Relu');
    const isRectified = rectifiers.length === 1 && readers.every((call) => call === rectifiers[0] || isStep(call));
    const last = isRectified ? rectifiers[0] : sum;
    if (isRectified) rectified.set(sum.outputs[0], last.outputs[0]);
    replaced.set(convolution, undefined).set(sum, undefined);
    replaced.set(last, {
      kernel: 'FusedConv2D',
      inputs: { ...convolution.inputs, bias },
      attributes: { ...convolution.attributes, activation: isRectified ? 'relu' : 'linear' },
      outputs: last.outputs,
      layer: convolution.layer,
    });
  }
  if (replaced.size === 0) return tape;
  const calls = tape.calls.flatMap((call) => {
    const now = replaced.has(call) ? replaced.get(call) : call;
    if (!now) return [];
    const inputs = Object.entries(now.inputs).map(([name, id]) => [name, rectified.get(id) ?? id]);
    return [{ ...now, inputs: Object.fromEntries(inputs) as Record<string, number> }];
  });
  return { ...tape, calls };
}

/** Reads an output of the tape. */
const outside: TapeCall = { kernel: '', inputs: {}, attributes: {}, outputs: [] };

function isStep({ kernel, attributes }: TapeCall): boolean {
  return kernel === 'Step' && (attributes.alpha ?? 0) === 0;
}
