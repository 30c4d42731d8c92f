import type { Tape, TapeCall } from '../tape.js';

/**
 * Put the sum of an image's gradient over all its places, which is the gradient of a convolution's bias, into the call that makes the
 * gradient of the convolution's filter, as its second output: that one has the gradient in an order in which it is added up at once.
 */
export function foldBiasGradients(tape: Tape): Tape {
  const filters = new Map<number, TapeCall>();
  for (const call of tape.calls) if (call.kernel === 'Conv2DBackpropFilter') filters.set(call.inputs.dy, call);
  const places = new Map(tape.calls.map((call, place) => [call, place]));
  const folded = new Map<TapeCall, TapeCall>();
  for (const sum of tape.calls) {
    const filter = sum.kernel === 'Sum' ? filters.get(sum.inputs.x) : undefined;
    if (!filter || folded.has(filter) || !isOverPlaces(tape, sum)) continue;
    const isReadBefore = tape.calls.some(
      (call, place) => place < places.get(filter)! && Object.values(call.inputs).includes(sum.outputs[0]),
    );
    if (!isReadBefore) folded.set(filter, sum);
  }
  if (folded.size === 0) return tape;
  const sums = new Set(folded.values());
  const calls = tape.calls.flatMap((call) => {
    if (sums.has(call)) return [];
    const sum = folded.get(call);
    return sum ? [{ ...call, outputs: [...call.outputs, ...sum.outputs] }] : [call];
  });
  return { ...tape, calls };
}

/** Of [N, H, W, C], to [C]. */
function isOverPlaces(tape: Tape, { inputs, outputs, attributes }: TapeCall): boolean {
  const axes = attributes.axis;
  const isOverAll = Array.isArray(axes) && axes.length === 3 && [0, 1, 2].every((axis) => axes.includes(axis));
  const { shape, dtype } = tape.values[inputs.x];
  return dtype === 'float32' && shape.length === 4 && isOverAll && tape.values[outputs[0]].shape.length === 1;
}
