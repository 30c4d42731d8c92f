import ort from 'onnxruntime-node';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';

/** More than what lies between most kernels, and little beside a turn of the scheduler. */
const awakeUs = '100';

/**
 * A session on a graph that the compiled engine wrote.
 *
 * @param threads of one kernel; 1 = all is done by the thread that calls it
 * @param waiting of a thread between two kernels: `asleep`, since one that spins holds a core that others want (on a busy machine a step
 *   took three to five times as long); or `awake` for some microseconds, for who finds out which is faster
 * @throws AnnealError `InvalidModel` when onnxruntime refuses the graph
 */
export async function createSession(
  graph: Uint8Array,
  threads: number,
  executionProviders: ort.InferenceSession.ExecutionProviderConfig[] = ['cpu'],
  waiting: 'asleep' | 'awake' = 'asleep',
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(graph, {
      executionProviders,
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      extra: { session: { intra_op: waiting === 'awake' ? { allow_spinning: '1', spin_duration_us: awakeUs } : { allow_spinning: '0' } } },
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
