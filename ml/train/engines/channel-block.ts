import ort from 'onnxruntime-node';
import { GraphBuilder } from '../../graph/onnx-builder.js';

let known: Promise<number | undefined> | undefined;

/**
 * How many channels onnxruntime's convolutions on this machine take at a time: 16 or 8, after what a register holds; undefined where
 * they have no such form. It follows from where the second channel of an image lies when onnxruntime has put it into blocks.
 */
export function channelBlock(): Promise<number | undefined> {
  known ??= probe().catch(() => undefined);
  return known;
}

async function probe(): Promise<number | undefined> {
  const channels = 64;
  const graph = new GraphBuilder('probe');
  graph.input('image', 'float32', [1, channels, 1, 2]);
  graph.node('Identity', [graph.blockedNode('ReorderInput', ['image'])], {}, 'blocked');
  graph.output('blocked', 'float32', ['N', 'C', 'H', 'W']);
  const session = await ort.InferenceSession.create(graph.encode(), {
    intraOpNumThreads: 1,
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  try {
    // Pixel 0 of channel c is 2c, pixel 1 is 2c + 1: in blocks all pixels 0 of a block come before its pixels 1.
    const image = new ort.Tensor(
      'float32',
      Float32Array.from({ length: 2 * channels }, (_, i) => i),
      [1, channels, 1, 2],
    );
    const { blocked } = await session.run({ image }, { logSeverityLevel: 4 });
    const block = (blocked.data as Float32Array).indexOf(1);
    return block > 1 ? block : undefined;
  } finally {
    await session.release();
  }
}
