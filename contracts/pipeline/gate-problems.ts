import type { GateSpec } from './evaluation.js';
import type { MetricName } from './metrics.js';

/** Metrics that are 1 at most. */
const atMostOne: ReadonlySet<MetricName> = new Set(['auc', 'averagePrecision', 'accuracy', 'macroF1', 'ece', 'coverage', 'r2']);
/** Metrics that may be below 0. */
const belowZero: ReadonlySet<MetricName> = new Set(['r2']);

/** Bounds that no model can keep; a sentence for each. */
export function gateProblems(gates: readonly GateSpec[]): string[] {
  return gates.flatMap((gate, i) => {
    const { metric } = gate;
    if ('min' in gate && atMostOne.has(metric) && gate.min > 1)
      return [`gates.${i}.min: ${metric} is at most 1, so that no model reaches ${gate.min}`];
    if ('max' in gate && !belowZero.has(metric) && gate.max < 0)
      return [`gates.${i}.max: ${metric} is at least 0, so that no model keeps within ${gate.max}`];
    return [];
  });
}
