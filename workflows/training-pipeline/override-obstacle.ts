import type { Anomaly } from '../../contracts/dataset.js';

const shown = 3;
/** Without these there is no model, whatever somebody decides; other errors beside them could be overridden. */
const beyondDecision: ReadonlySet<string> = new Set(['missing-column', 'one-class', 'constant-target']);

/**
 * Why nobody can let data pass, as the part of a sentence: `column "delay": expected a column of type integer, found no such column`.
 *
 * Pure, so it is safe in a workflow and on replay.
 *
 * @param anomalies of data of which no clean rows are left
 */
export function overrideObstacle(anomalies: readonly Anomaly[]): string {
  const errors = anomalies.filter(({ severity }) => severity === 'error');
  const grave = errors.filter(({ rule }) => beyondDecision.has(rule));
  const reasons = grave.length > 0 ? grave : errors;
  if (reasons.length === 0) return 'no row, or no label to learn from, is left of them';
  const told = reasons
    .slice(0, shown)
    .map(({ column, expected, found }) => `${column === undefined ? '' : `column "${column}": `}expected ${expected}, found ${found}`);
  return told.join('; ') + (reasons.length > shown ? `; and ${reasons.length - shown} more` : '');
}
