import { patched } from '@temporalio/workflow';
import type { EvaluationResult } from '../../contracts/activities.js';
import type { GateEvidence } from '../../ml/evaluate/gates.js';

/** What the gates of a promotion look at. */
export function gateEvidence(
  { metrics, baseline, champion, championSkipped }: EvaluationResult['summary'],
  crossValidated: GateEvidence['crossValidated'],
): GateEvidence {
  // Runs from before promoted a version whose champion could not be measured.
  const isSkipped = championSkipped !== undefined && patched('champion-not-compared');
  return { metrics, baseline, champion, crossValidated, ...(isSkipped ? { championSkipped } : {}) };
}
