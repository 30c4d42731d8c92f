import { type Lowering, type LoweringTable, anyType, numericTypes } from './kernel-call.js';

function compare(opType: string): Lowering {
  return { elementwise: true, types: numericTypes, lower: (call) => call.node(opType, [call.input('a'), call.input('b')]) };
}

function logical(opType: string): Lowering {
  return { elementwise: true, types: ['bool'], lower: (call) => call.node(opType, [call.input('a'), call.input('b')]) };
}

/** Comparisons, logic, and selection by them. */
export const comparisonLowerings: LoweringTable = {
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  Equal: { elementwise: true, types: anyType, lower: (call) => call.node('Equal', [call.input('a'), call.input('b')]) },
  NotEqual: {
    elementwise: true,
    types: anyType,
    lower: (call) => call.node('Not', [call.node('Equal', [call.input('a'), call.input('b')])]),
  },
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  LogicalNot: { elementwise: true, types: ['bool'], lower: (call) => call.node('Not', [call.input('x')]) },
  IsNan: { elementwise: true, lower: (call) => call.node('IsNaN', [call.input('x')]) },
  Select: {
    refuses: 'whole rows by a condition of a lower rank',
    elementwise: true,
    types: anyType,
    lower: (call) => {
      if (call.shape('condition').join() !== call.shape('t').join()) call.refuse('selects whole rows by a condition of a lower rank');
      return call.node('Where', [call.input('condition'), call.input('t'), call.input('e')]);
    },
  },
};
