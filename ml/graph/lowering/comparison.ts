import { type Lowering, type LoweringTable, anyType, numericTypes } from './kernel-call.js';

function compare(opType: string): Lowering {
  return { types: numericTypes, lower: (call) => call.node(opType, [call.input('a'), call.input('b')]) };
}

function logical(opType: string): Lowering {
  return { types: ['bool'], lower: (call) => call.node(opType, [call.input('a'), call.input('b')]) };
}

/** Comparisons, logic, and selection by them. */
export const comparisonLowerings: LoweringTable = {
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  Equal: { types: anyType, lower: (call) => call.node('Equal', [call.input('a'), call.input('b')]) },
  NotEqual: { types: anyType, lower: (call) => call.node('Not', [call.node('Equal', [call.input('a'), call.input('b')])]) },
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  LogicalNot: { types: ['bool'], lower: (call) => call.node('Not', [call.input('x')]) },
  IsNan: { lower: (call) => call.node('IsNaN', [call.input('x')]) },
  Select: {
    types: anyType,
    lower: (call) => {
      const rank = call.shape('t').length;
      const condition = call.shape('condition');
      // A vector condition beside tensors of a higher rank selects whole rows.
      const aligned =
        condition.length === 1 && rank > 1
          ? call.reshape(call.input('condition'), [condition[0], ...Array<number>(rank - 1).fill(1)])
          : call.input('condition');
      return call.node('Where', [aligned, call.input('t'), call.input('e')]);
    },
  },
};
