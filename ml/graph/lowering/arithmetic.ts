import { type KernelCall, type Lowering, type LoweringTable, anyType, numericTypes } from './kernel-call.js';

function unary(opType: string, types?: Lowering['types']): Lowering {
  return { types, elementwise: true, lower: (call) => call.node(opType, [call.input('x')]) };
}

function binary(opType: string, types: Lowering['types'] = numericTypes): Lowering {
  return { types, elementwise: true, lower: (call) => call.node(opType, [call.input('a'), call.input('b')]) };
}

/** Element-wise arithmetic. */
export const arithmeticLowerings: LoweringTable = {
  Abs: unary('Abs', numericTypes),
  Neg: unary('Neg', numericTypes),
  Sign: unary('Sign', numericTypes),
  Exp: unary('Exp'),
  Log: unary('Log'),
  Sqrt: unary('Sqrt'),
  Reciprocal: unary('Reciprocal'),
  Floor: unary('Floor'),
  Ceil: unary('Ceil'),
  Round: unary('Round'),
  Erf: unary('Erf'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Rsqrt: { elementwise: true, lower: (call) => call.node('Reciprocal', [call.node('Sqrt', [call.input('x')])]) },
  Square: { elementwise: true, types: numericTypes, lower: (call) => call.node('Mul', [call.input('x'), call.input('x')]) },
  // eˣ − 1 = tanh(x / 2) · (eˣ + 1), which keeps its precision near zero.
  Expm1: {
    elementwise: true,
    lower: (call) => {
      const half = call.node('Tanh', [call.node('Mul', [call.input('x'), call.scalar(0.5)])]);
      return call.node('Mul', [half, call.node('Add', [call.node('Exp', [call.input('x')]), call.scalar(1)])]);
    },
  },
  Log1p: { elementwise: true, lower: logOnePlus },
  ClipByValue: {
    elementwise: true,
    attributes: ['clipValueMin', 'clipValueMax'],
    lower: (call) =>
      call.node('Clip', [call.input('x'), call.scalar(call.number('clipValueMin')), call.scalar(call.number('clipValueMax'))]),
  },
  Add: binary('Add'),
  Sub: binary('Sub'),
  RealDiv: binary('Div', ['float32']),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow', ['float32']),
  FloorDiv: {
    elementwise: true,
    lower: (call) => {
      const floor = call.node('Floor', [call.node('Div', [call.input('a'), call.input('b')])]);
      return call.output.dtype === 'int32' ? call.node('Cast', [floor], { to: 6 }) : floor;
    },
  },
  SquaredDifference: {
    elementwise: true,
    types: numericTypes,
    lower: (call) => {
      const difference = call.node('Sub', [call.input('a'), call.input('b')]);
      return call.node('Mul', [difference, difference]);
    },
  },
  Multiply: { elementwise: true, types: numericTypes, lower: multiply },
  AddN: { elementwise: true, lower: (call) => call.node('Sum', call.inputs) },
  Cast: {
    refuses: 'complex numbers and texts',
    elementwise: true,
    attributes: ['dtype'],
    types: anyType,
    lower: (call) => {
      const to = { float32: 1, int32: 6, bool: 9 }[call.output.dtype];
      if (call.attribute('dtype') !== call.output.dtype) call.refuse(`casts to ${String(call.attribute('dtype'))}`);
      return call.value('x').dtype === call.output.dtype ? call.input('x') : call.node('Cast', [call.input('x')], { to });
    },
  },
};

/** Gradients of sums multiply by a tensor of ones to broadcast; a product with ones of no other shape changes nothing. */
function multiply(call: KernelCall): string {
  for (const [ones, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    if (!call.value(ones).constant?.every((item) => item === 1)) continue;
    if (call.shape(other).join() === call.output.shape.join()) return call.input(other);
    return call.node('Expand', [call.input(other), call.int64(...call.fixed(call.output.shape))]);
  }
  return call.node('Mul', [call.input('a'), call.input('b')]);
}

/**
 * log(1 + x) with u = fl(1 + x): log(u) · x / (u − 1) corrects the rounding of u. Where |x| ≥ 1 there is nothing to correct,
 * and where u = 1 the result is x.
 *
 * @see Goldberg 1991, "What every computer scientist should know about floating-point arithmetic", theorem 4
 */
function logOnePlus(call: KernelCall): string {
  const x = call.input('x');
  const one = call.scalar(1);
  const sum = call.node('Add', [x, one]);
  const isSmall = call.node('Less', [call.node('Abs', [x]), one]);
  const correction = call.node('Where', [isSmall, call.node('Div', [x, call.node('Sub', [sum, one])]), one]);
  const corrected = call.node('Mul', [call.node('Log', [sum]), correction]);
  return call.node('Where', [call.node('Equal', [sum, one]), x, corrected]);
}
