import { describe, expect, it } from '@jest/globals';
import onnxProto from 'onnx-proto';
import { GraphBuilder } from '../../ml/graph/onnx-builder.js';
import { splitWeights } from './split-weights.js';

const side = 200;
const square = Float32Array.from({ length: side * side }, (_, i) => i);

/** @param use writes what reads x [N, side] and the weight [side, side], and returns the result's name */
function model(use: (graph: GraphBuilder, x: string, weight: string) => string): Uint8Array {
  const graph = new GraphBuilder('split');
  const x = graph.input('x', 'float32', ['N', side]);
  graph.node('Identity', [use(graph, x, graph.constant('float32', square, [side, side], 'weight'))], {}, 'y');
  graph.output('y', 'float32', ['N', side]);
  return graph.encode();
}

describe('splitWeights', () => {
  it('names the place of a weight in the file', () => {
    const bytes = model((graph, x, weight) => graph.node('MatMul', [x, weight]));
    const graph = splitWeights(bytes, 'weights.onnx')!;
    expect(graph.byteLength).toBeLessThan(1000);
    const { externalData } = onnxProto.onnx.ModelProto.decode(graph).graph!.initializer![0];
    const place = Object.fromEntries(externalData!.map(({ key, value }) => [key, value]));
    expect(place.location).toBe('weights.onnx');
    const there = Uint8Array.from(bytes.subarray(Number(place.offset), Number(place.offset) + Number(place.length)));
    expect(new Float32Array(there.buffer)).toEqual(square);
  });

  it.each<[string, (graph: GraphBuilder, x: string, weight: string) => string]>([
    ['another kernel', (graph, x, weight) => graph.node('MatMul', [x, graph.node('Transpose', [weight])])],
    ['another kernel too', (graph, x, weight) => graph.node('MatMul', [graph.node('MatMul', [x, weight]), graph.node('Neg', [weight])])],
    ['a place that is not the weight', (graph, x, weight) => graph.node('Gemm', [x, graph.node('Identity', [weight]), weight])],
    [
      'a graph inside a node',
      (graph, x, weight) => {
        const body = graph.subgraph('then');
        body.output(body.node('MatMul', [x, weight]), 'float32', ['N', side]);
        const other = graph.subgraph('else');
        other.output(other.node('Identity', [x]), 'float32', ['N', side]);
        return graph.node('If', [graph.scalar('bool', 1)], { then_branch: body, else_branch: other });
      },
    ],
  ])('leaves a weight where it is that is read by %s', (_, use) => {
    expect(splitWeights(model(use), 'weights.onnx')).toBeUndefined();
  });
});
