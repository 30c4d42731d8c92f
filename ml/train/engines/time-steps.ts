import { imageSize } from '../../../contracts/image-input.js';
import { createRandom } from '../../models/random.js';
import type { EncodedData, StepPlan, TrainingEngine } from '../engine.js';

export interface StepTime {
  readonly msPerStep: number;
}

const warmUpSteps = 2;
const mostSteps = 20;
/** An engine that takes longer than this is not worth waiting for. */
const mostMs = 1000;

/** Train a throw-away session for up to 20 steps or a second, on made-up rows. @returns the fastest of its calls */
export async function timeSteps(engine: TrainingEngine, plan: StepPlan): Promise<StepTime> {
  const data = madeUpRows(plan);
  const session = await engine.open(plan, data);
  try {
    const run = async (first: number, steps: number): Promise<number> => {
      const order = Int32Array.from({ length: steps * plan.batchSize }, (_, i) => i % data.rows);
      const startedAt = performance.now();
      await session.runSteps(order, new Float32Array(steps).fill(1e-3), first);
      return performance.now() - startedAt;
    };
    const warmUpMs = await run(0, warmUpSteps);
    let best = warmUpMs / warmUpSteps;
    let spentMs = warmUpMs;
    for (let step = warmUpSteps; step < mostSteps && spentMs < mostMs; step += warmUpSteps) {
      const elapsedMs = await run(step, warmUpSteps);
      spentMs += elapsedMs;
      best = Math.min(best, elapsedMs / warmUpSteps);
    }
    return { msPerStep: best };
  } finally {
    await session.dispose();
  }
}

/** Rows as the layout describes them: how long a step takes does not hang on what is in them. */
function madeUpRows({ layout, task, outputs, batchSize }: StepPlan): EncodedData {
  const random = createRandom(1);
  const rows = batchSize;
  const { categorical, numeric, image } = layout;
  const classes = task === 'binary' ? 2 : outputs;
  return {
    rows,
    target: Float32Array.from({ length: rows }, () => (task === 'regression' ? random() : Math.floor(random() * classes))),
    ...(categorical.length > 0
      ? {
          categorical: Int32Array.from({ length: rows * categorical.length }, (_, i) =>
            Math.floor(random() * categorical[i % categorical.length].size),
          ),
        }
      : {}),
    ...(numeric.length > 0 ? { numeric: Float32Array.from({ length: rows * numeric.length }, () => random() * 2 - 1) } : {}),
    ...(image ? { image: Uint8Array.from({ length: rows * imageSize(image) }, () => Math.floor(random() * 256)) } : {}),
  };
}
