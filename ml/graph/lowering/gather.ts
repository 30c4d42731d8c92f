import { type KernelCall, type LoweringTable, anyType } from './kernel-call.js';

/** Look-ups by index, and their gradient. */
export const gatherLowerings: LoweringTable = {
  GatherV2: {
    refuses: '`batchDims` other than 0',
    attributes: ['axis', 'batchDims'],
    types: anyType,
    lower: (call) => {
      if (call.value('indices').dtype !== 'int32') call.refuse(`takes indices of type ${call.value('indices').dtype}, expected int32`);
      if (call.number('batchDims', 0) !== 0) call.refuse(`has batchDims=${call.number('batchDims')}, expected 0`);
      return call.node('Gather', [call.input('x'), call.input('indices')], { axis: call.axis('axis', call.shape('x').length, 0) });
    },
  },
  UnsortedSegmentSum: {
    refuses: 'integers as summands, segment ids of a rank above 1',
    attributes: ['numSegments'],
    types: ['float32', 'int32'],
    lower: segmentSum,
  },
  OneHot: {
    refuses: 'booleans of values other than 1 and 0',
    attributes: ['depth', 'onValue', 'offValue', 'dtype'],
    types: ['int32'],
    // ONNX' own OneHot wraps negative indices around, and is several times slower in ORT.
    lower: (call) => {
      const depth = call.number('depth');
      const indices = call.reshape(call.input('indices'), [...call.shape('indices'), 1]);
      const range = call.constant(
        'int32',
        Array.from({ length: depth }, (_, i) => i),
      );
      const hit = call.node('Equal', [indices, range]); // bool [..., depth]
      const { dtype } = call.output;
      const [on, off] = [call.number('onValue', 1), call.number('offValue', 0)];
      if (on === 1 && off === 0) return dtype === 'bool' ? hit : call.node('Cast', [hit], { to: dtype === 'float32' ? 1 : 6 });
      if (dtype === 'bool') call.refuse('makes booleans of values other than 1 and 0');
      return call.node('Where', [hit, call.scalar(on, dtype), call.scalar(off, dtype)]);
    },
  },
};

/**
 * Elements that one `ScatterND` with `reduction=add` may add up. ORT spreads larger ones over threads without guarding against
 * two of them adding to one row, which loses updates; it begins at about 200,000 elements.
 */
const serialScatterElements = 65_536;
const maxScatters = 32;

/** Rows of x [n, …] with equal ids added up: [numSegments, …]. Ids outside the range, which tfjs drops, are an error at run time. */
function segmentSum(call: KernelCall): string {
  const shape = call.fixed(call.shape('x'));
  if (call.value('x').dtype !== 'float32') call.refuse(`adds up ${call.value('x').dtype} rows, expected float32`);
  if (call.shape('segmentIds').length !== 1) call.refuse('takes segment ids of a rank above 1');
  const [rows, ...inner] = shape;
  const width = inner.reduce((product, length) => product * length, 1);
  const zeros = call.constant('float32', new Float32Array(call.number('numSegments') * width), [call.number('numSegments'), ...inner]);
  const ids = call.node('Cast', [call.reshape(call.input('segmentIds'), [rows, 1])], { to: 7 }); // int64 [n, 1]

  const rowsPerScatter = Math.max(1, Math.floor(serialScatterElements / width));
  const scatters = Math.ceil(rows / rowsPerScatter);
  if (scatters > maxScatters) {
    // Five to ten times slower, but serial at any size.
    const column = call.reshape(ids, [rows, ...inner.map(() => 1)]);
    const indices = call.node('Expand', [column, call.int64(...shape)]);
    return call.node('ScatterElements', [zeros, indices, call.input('x')], { axis: 0, reduction: 'add' });
  }
  if (scatters === 1) return call.node('ScatterND', [zeros, ids, call.input('x')], { reduction: 'add' });
  const sizes = call.int64(...Array.from({ length: scatters }, (_, i) => Math.min(rowsPerScatter, rows - i * rowsPerScatter)));
  const idParts = call.nodes('Split', [ids, sizes], scatters, { axis: 0 });
  const rowParts = call.nodes('Split', [call.input('x'), sizes], scatters, { axis: 0 });
  return idParts.reduce((sum, part, i) => call.node('ScatterND', [sum, part, rowParts[i]], { reduction: 'add' }), zeros);
}
