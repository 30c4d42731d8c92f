import type { CrossValidationSummary, FoldFigures } from '../../contracts/cross-validation.js';
import type { GateResult } from '../../contracts/model.js';
import type { GateSpec } from '../../contracts/pipeline.js';
import { isLowerBetter, type Metrics } from '../../contracts/pipeline/metrics.js';

/** What a gate looks at: the contents of an `EvaluationReport`, and the figures over the folds where there are any. */
export interface GateEvidence {
  readonly metrics: Metrics;
  readonly baseline: Metrics;
  readonly champion?: { readonly version: string; readonly metrics: Metrics };
  /** Why there is a champion all the same, and no figures of it. */
  readonly championSkipped?: string;
  readonly crossValidated?: CrossValidationSummary['metrics'];
}

type BoundGate = Exclude<GateSpec, { betterThan: unknown }>;

interface Verdict {
  readonly passed: boolean;
  readonly explanation: string;
}

/**
 * Decide which conditions of a promotion hold.
 *
 * Pure: no clock, no randomness, no I/O, so it is safe in a workflow and on replay. A gate on a metric that was not
 * measured does not pass; a gate against the champion passes when there is none, and does not when there is one that could not
 * be measured: whoever serves is not replaced unseen.
 */
export function evaluateGates(gates: readonly GateSpec[], evidence: GateEvidence): GateResult[] {
  return gates.map((gate) => ({ gate, ...evaluateGate(gate, evidence) }));
}

function evaluateGate(gate: GateSpec, evidence: GateEvidence): Verdict {
  if ('crossValidated' in gate && gate.crossValidated) return evaluateFolds(gate, evidence.crossValidated?.[gate.metric]);
  const value = evidence.metrics[gate.metric];
  if (value === undefined || Number.isNaN(value)) return { passed: false, explanation: `${gate.metric} was not measured` };
  if ('min' in gate || 'max' in gate) return within(gate, value);
  if (gate.betterThan === 'champion' && evidence.championSkipped !== undefined) {
    const why = evidence.championSkipped.replace(/\.$/, '');
    return { passed: false, explanation: `${gate.metric} ${format(value)} could not be held against the champion (${why})` };
  }
  if (gate.betterThan === 'champion' && !evidence.champion) {
    return { passed: true, explanation: `${gate.metric} ${format(value)}; there is no champion to compare with` };
  }
  const other = gate.betterThan === 'champion' ? evidence.champion?.metrics : evidence.baseline;
  const otherName = gate.betterThan === 'champion' ? `champion version ${evidence.champion?.version}` : 'baseline';
  const reference = other?.[gate.metric];
  if (reference === undefined || Number.isNaN(reference)) {
    return { passed: false, explanation: `${gate.metric} of the ${otherName} was not measured` };
  }
  // 0.5 + 0.2 is 0.7 to the author of a gate, whatever float64 makes of it.
  const bound = round(isLowerBetter(gate.metric) ? reference - gate.by : reference + gate.by);
  const { passed, explanation } = isLowerBetter(gate.metric) ? atMost(gate.metric, value, bound) : atLeast(gate.metric, value, bound);
  const offset = (isLowerBetter(gate.metric) ? -gate.by : gate.by) || 0;
  const sum = offset === 0 ? '' : ` ${offset < 0 ? '−' : '+'} ${format(Math.abs(offset))}`;
  return { passed, explanation: `${explanation} (${otherName} ${format(reference)}${sum})` };
}

/** Folds whose rows do not define the metric are left out of its mean, and are told. */
function evaluateFolds(gate: BoundGate, figures: FoldFigures | undefined): Verdict {
  if (!figures || Number.isNaN(figures.mean)) return { passed: false, explanation: `${gate.metric} was not measured on the folds` };
  const { mean, standardDeviation, values } = figures;
  const measured = values.filter((value) => value !== null).length;
  const { passed, explanation } = within(gate, mean);
  const folds = measured === values.length ? `${measured} folds` : `${measured} of ${values.length} folds`;
  return { passed, explanation: `${explanation} (mean of ${folds}, standard deviation ${format(standardDeviation, 2)})` };
}

function within(gate: BoundGate, value: number): Verdict {
  return 'min' in gate ? atLeast(gate.metric, value, gate.min) : atMost(gate.metric, value, gate.max);
}

function atLeast(metric: string, value: number, bound: number): Verdict {
  const passed = value >= bound;
  const [left, right] = formatApart(value, bound);
  return { passed, explanation: `${metric} ${left} ${passed ? '≥' : '<'} ${right}` };
}

function atMost(metric: string, value: number, bound: number): Verdict {
  const passed = value <= bound;
  const [left, right] = formatApart(value, bound);
  return { passed, explanation: `${metric} ${left} ${passed ? '≤' : '>'} ${right}` };
}

function round(value: number): number {
  return Number(value.toPrecision(12));
}

function format(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}

/** With so many digits that unequal figures look unequal. */
function formatApart(a: number, b: number): [string, string] {
  let digits = 4;
  while (a !== b && digits < 17 && format(a, digits) === format(b, digits)) digits++;
  return [format(a, digits), format(b, digits)];
}
