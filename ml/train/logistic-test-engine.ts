import type { EncodedData, EngineSession, EngineState, StepPlan } from './engine.js';

/**
 * A linear model on the numeric features with Adam, written out by hand: small enough to be interrupted thousands of
 * times in a test. One output: log-loss for a binary target, squared error for a regression.
 */
export function openLogisticSession(plan: StepPlan, initial: EncodedData): EngineSession {
  let data = initial;
  const width = plan.layout.numeric.length;
  if (plan.optimizer.kind !== undefined) throw new Error('this engine knows AdamW alone');
  const { beta1, beta2, epsilon } = plan.optimizer;
  type State = Required<Omit<EngineState, 'average'>>;
  let state: State = {
    parameters: new Float32Array(width + 1),
    firstMoment: new Float32Array(width + 1),
    secondMoment: new Float32Array(width + 1),
  };
  const copyOf = ({ parameters, firstMoment, secondMoment }: State): State => ({
    parameters: parameters.slice(),
    firstMoment: firstMoment.slice(),
    secondMoment: secondMoment.slice(),
  });
  const logit = (rows: EncodedData, row: number): number => {
    let sum = state.parameters[width];
    for (let k = 0; k < width; k++) sum += state.parameters[k] * rows.numeric![row * width + k];
    return sum;
  };

  const step = (rows: Int32Array, rate: number, number: number): number => {
    const gradient = new Float64Array(width + 1);
    let loss = 0;
    for (const row of rows) {
      const z = logit(data, row);
      const y = data.target[row];
      const weight = plan.classWeights?.[y] ?? 1;
      const p = plan.task === 'binary' ? 1 / (1 + Math.exp(-z)) : z;
      loss += weight * (plan.task === 'binary' ? Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0) - y * z : (z - y) ** 2 / 2);
      for (let k = 0; k <= width; k++) gradient[k] += weight * (p - y) * (k === width ? 1 : data.numeric![row * width + k]);
    }
    for (let k = 0; k <= width; k++) {
      const g = gradient[k] / rows.length;
      state.firstMoment[k] = beta1 * state.firstMoment[k] + (1 - beta1) * g;
      state.secondMoment[k] = beta2 * state.secondMoment[k] + (1 - beta2) * g * g;
      const m = state.firstMoment[k] / (1 - beta1 ** number);
      const v = state.secondMoment[k] / (1 - beta2 ** number);
      state.parameters[k] -= (rate * m) / (Math.sqrt(v) + epsilon);
    }
    return loss / rows.length;
  };

  return {
    runSteps: async (rows, rates, firstStep) => {
      const { batchSize } = plan;
      return rates.map((rate, i) => step(rows.subarray(i * batchSize, (i + 1) * batchSize), rate, firstStep + i + 1));
    },
    useRows: (rows) => {
      data = rows;
    },
    logits: async (rows) => Float32Array.from({ length: rows.rows }, (_, row) => logit(rows, row)),
    getState: async () => copyOf(state),
    setState: async (next) => {
      state = copyOf(next as State);
    },
    dispose: async () => {},
  };
}

/** Rows whose label follows from the features with noise; seeded. */
export function syntheticData(rows: number, width: number, task: 'binary' | 'regression', seed: number): EncodedData {
  let bits = seed;
  const random = (): number => {
    bits = (Math.imul(bits, 1_664_525) + 1_013_904_223) >>> 0;
    return bits / 4_294_967_296;
  };
  const numeric = Float32Array.from({ length: rows * width }, () => 2 * random() - 1);
  const target = Float32Array.from({ length: rows }, (_, row) => {
    let score = 0;
    for (let k = 0; k < width; k++) score += (k + 1) * numeric[row * width + k];
    score += random() - 0.5;
    return task === 'binary' ? Number(score > 0.8) : 100 + 20 * score;
  });
  return { rows, numeric, target };
}
