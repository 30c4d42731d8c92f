import type { TrialStatus } from '../../contracts/training-pipeline.js';

/** Different failures that are told. */
const mostFailures = 3;

/** Why a sweep has no best trial: each failure once, with the trials that had it. Pure, safe in a workflow. */
export function sweepFailure(trials: readonly Pick<TrialStatus, 'trial' | 'state' | 'failure'>[]): string {
  const begun = trials.filter(({ state }) => state !== 'pending');
  const had = new Map<string, number[]>();
  for (const { trial, failure } of begun) {
    const text = failure?.replace(/[.\s]+$/, '') ?? 'no metric';
    had.set(text, [...(had.get(text) ?? []), trial]);
  }
  const [[first] = ['none began']] = had;
  if (begun.length < trials.length)
    return `The sweep stopped at its first failure, which every one of its ${trials.length} trials would meet: ${first}.`;
  const none = `None of the ${trials.length} trials of the sweep finished a rung with a usable metric.`;
  if (had.size === 1 && first !== 'no metric') return `${none} ${trials.length === 1 ? 'It failed' : 'All failed alike'}: ${first}.`;
  const told = [...had]
    .slice(0, mostFailures)
    .map(([text, which]) => `${which.length === 1 ? 'trial' : 'trials'} ${which.join(', ')}: ${text}`);
  return `${none} ${had.size > mostFailures ? 'First failures' : 'Failures'}: ${told.join(' | ')}. Narrow the search space (sweep.space), lower the learning rate, or run one configuration without a sweep to see what is wrong.`;
}
