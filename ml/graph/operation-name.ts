import * as tf from '@tensorflow/tfjs-core';

const operations = new Map(
  Object.entries(tf)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => [name.toLowerCase(), name]),
);

/** Of which the function has another name. */
const otherwise: Readonly<Record<string, string>> = {
  AddV2: 'add',
  BatchMatMul: 'matMul',
  Multiply: 'mul',
  Pack: 'stack',
  RealDiv: 'div',
  Select: 'where',
};

/** What a kernel is called in the code of a model: "tf.prod" for `Prod`, or its own name where no function has one like it. */
export function operationName(kernel: string): string {
  const name = otherwise[kernel] ?? operations.get(kernel.replace(/V2$/, '').toLowerCase());
  return name === undefined ? `the TensorFlow.js kernel "${kernel}"` : `tf.${name}`;
}
