import type { Tape, TapeCall, TapeValue } from '../tape.js';

/**
 * Where the image that was pooled had been rectified, multiply the gradient by the rectifier's before it is spread over the windows
 * instead of after it, on a fraction of the elements: it goes to the largest element of each window, whose rectifier's gradient is
 * that of the pooled value.
 */
export function rectifyBeforePooling(tape: Tape): Tape {
  const makers = new Map<number, TapeCall>();
  const uses = new Map<number, number>();
  for (const call of tape.calls) {
    for (const id of call.outputs) makers.set(id, call);
    for (const id of Object.values(call.inputs)) uses.set(id, (uses.get(id) ?? 0) + 1);
  }
  for (const id of Object.values(tape.outputs)) uses.set(id, (uses.get(id) ?? 0) + 1);

  const values: TapeValue[] = [...tape.values];
  const replaced = new Map<TapeCall, readonly TapeCall[]>();
  for (const product of tape.calls) {
    if (product.kernel !== 'Multiply') continue;
    const factors = Object.values(product.inputs).map((id) => makers.get(id));
    const spread = factors.find((call) => call?.kernel === 'MaxPoolGrad');
    const slope = factors.find((call) => call?.kernel === 'Step' && (call.attributes.alpha ?? 0) === 0);
    if (!spread || !slope || slope.inputs.x !== spread.inputs.input || uses.get(spread.outputs[0]) !== 1) continue;
    const { layer } = product;
    const { shape, dtype } = tape.values[spread.inputs.output];
    const [slopeId, productId] = [values.length, values.length + 1];
    values.push({ id: slopeId, shape, dtype, layer }, { id: productId, shape, dtype, layer });
    replaced.set(spread, []).set(product, [
      { ...slope, inputs: { x: spread.inputs.output }, outputs: [slopeId] },
      { kernel: 'Multiply', inputs: { a: spread.inputs.dy, b: slopeId }, attributes: {}, outputs: [productId], layer },
      { ...spread, inputs: { ...spread.inputs, dy: productId }, outputs: product.outputs },
    ]);
    uses.set(slope.outputs[0], uses.get(slope.outputs[0])! - 1);
    if (uses.get(slope.outputs[0]) === 0) replaced.set(slope, []);
  }
  if (replaced.size === 0) return tape;
  return { ...tape, values, calls: tape.calls.flatMap((call) => replaced.get(call) ?? [call]) };
}
