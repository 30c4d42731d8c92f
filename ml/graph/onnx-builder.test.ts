import { describe, expect, test } from '@jest/globals';
import ort from 'onnxruntime-node';
import { GraphBuilder } from './onnx-builder.js';

function scaled(): GraphBuilder {
  const graph = new GraphBuilder('scaled');
  graph.input('x', 'float32', ['N', 2]);
  graph.node('Mul', ['x', graph.constant('float32', [2, 3])], {}, 'y');
  graph.output('y', 'float32', ['N', 2]);
  return graph;
}

describe('the ONNX writer', () => {
  test('writes a model that onnxruntime runs', async () => {
    const session = await ort.InferenceSession.create(scaled().encode());
    const { y } = await session.run({ x: new ort.Tensor('float32', [1, 2, 3, 4], [2, 2]) });
    expect([...(y.data as Float32Array)]).toEqual([2, 6, 6, 12]);
    await session.release();
  });

  test('gives the same bytes for the same calls', () => {
    expect(scaled().encode({ made: 'by hand' })).toEqual(scaled().encode({ made: 'by hand' }));
  });

  test('stores equal constants once, and tells types and shapes apart', () => {
    const graph = new GraphBuilder('constants');
    const name = graph.constant('float32', [1, 2]);
    expect(graph.constant('float32', Float32Array.of(1, 2))).toBe(name);
    expect(graph.constant('float32', [1, 2], [2, 1])).not.toBe(name);
    expect(graph.constant('int32', [1, 2])).not.toBe(name);
    expect(graph.toGraph().initializer).toHaveLength(3);
  });

  test('keeps a constant as it was when the caller’s array changes later, and reads a view alone', () => {
    const values = Float32Array.of(9, 1, 2, 9);
    const graph = new GraphBuilder('copy');
    graph.constant('float32', values.subarray(1, 3));
    values.fill(0);
    const [tensor] = graph.toGraph().initializer!;
    expect(tensor.rawData).toEqual(new Uint8Array(Float32Array.of(1, 2).buffer));
  });

  test('runs a loop whose body reads values of the graph around it', async () => {
    const graph = new GraphBuilder('power');
    graph.input('count', 'int64', []);
    graph.input('base', 'float32', []);
    const body = graph.subgraph('body');
    body.input('i', 'int64', []);
    body.input('go', 'bool', []);
    body.input('product', 'float32', []);
    const next = body.node('Mul', ['product', 'base']);
    body.output(body.node('Identity', ['go']), 'bool', []);
    body.output(next, 'float32', []);
    graph.nodeWithOutputs('Loop', ['count', '', graph.scalar('float32', 1)], ['power'], { body });
    graph.output('power', 'float32', []);
    const session = await ort.InferenceSession.create(graph.encode());
    const { power } = await session.run({ count: new ort.Tensor('int64', [5n], []), base: new ort.Tensor('float32', [2], []) });
    expect((power.data as Float32Array)[0]).toBe(32);
    await session.release();
  });

  test('moves what a loop computes anew in every turn to the front of the loop', async () => {
    const graph = new GraphBuilder('sum');
    graph.input('base', 'float32', []);
    const body = graph.subgraph('body');
    body.input('i', 'int64', []);
    body.input('go', 'bool', []);
    body.input('sum', 'float32', []);
    const two = body.scalar('float32', 2);
    const doubled = body.node('Mul', ['base', two]);
    const next = body.node('Add', [body.node('Mul', ['sum', two]), body.node('Sqrt', [doubled])]);
    body.output(body.node('Identity', ['go']), 'bool', []);
    body.output(next, 'float32', []);
    graph.takeInvariants(body);
    expect(body.toGraph().node!.map(({ opType }) => opType)).toEqual(['Mul', 'Add', 'Identity']);
    expect(graph.toGraph().node!.map(({ opType }) => opType)).toEqual(['Mul', 'Sqrt']);
    graph.nodeWithOutputs('Loop', [graph.scalar('int64', 3), '', graph.scalar('float32', 1)], ['result'], { body });
    graph.output('result', 'float32', []);
    const session = await ort.InferenceSession.create(graph.encode());
    const { result } = await session.run({ base: new ort.Tensor('float32', [8], []) });
    expect((result.data as Float32Array)[0]).toBe(36); // 2 (2 (2 · 1 + 4) + 4) + 4
    await session.release();
  });
});
