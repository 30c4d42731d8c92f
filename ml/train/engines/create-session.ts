import ort from 'onnxruntime-node';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';

/**
 * A session on a graph that the compiled engine wrote.
 *
 * @param threads of one kernel; 1 = all is done by the thread that calls it
 * @throws AnnealError `InvalidModel` when onnxruntime refuses the graph
 */
export async function createSession(
  graph: Uint8Array,
  threads: number,
  executionProviders: ort.InferenceSession.ExecutionProviderConfig[] = ['cpu'],
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(graph, {
      executionProviders,
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // A thread that waits by spinning holds a core that others want: on a busy machine a step took three to five times as long.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw new AnnealError(
      failureTypes.invalidModel,
      `onnxruntime refused the compiled model: ${error instanceof Error ? error.message : String(error)}. It was expected to accept every graph that the compiled engine writes. Train with engine "tfjs-wasm", and report the model.`,
      undefined,
      { cause: error },
    );
  }
}
