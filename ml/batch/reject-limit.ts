import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { Rejects } from '../../contracts/batch.js';

/**
 * @param rows all rows of the job
 * @param maxRejected share in [0, 1]
 * @throws AnnealError `InvalidData` when more rows were rejected, or all of them
 */
export function refuseTooManyRejects(
  { rows, rejected, reasons }: { readonly rows: number; readonly rejected: number; readonly reasons: Rejects },
  maxRejected: number,
): void {
  const isAll = rows > 0 && rejected === rows;
  if (!isAll && rejected <= maxRejected * rows) return;
  const share = rows === 0 ? 0 : (100 * rejected) / rows;
  throw new AnnealError(
    failureTypes.invalidData,
    `${rejected} of ${rows} rows (${share.toPrecision(3)} %) cannot be predicted${isAll ? '' : `, more than the ${(100 * maxRejected).toPrecision(3)} % that the job allows`}: ${reasonsText(reasons)}. The rows stand in the folder rejects of the output. Mend the input and start another job${isAll ? '' : ', or start this one again with a larger --max-rejects'}.`,
    { rejected, rows, reasons },
  );
}

/** `distance is not an integer (12), date is missing (3)`, the most frequent first. */
export function reasonsText(reasons: Rejects): string {
  const ranked = Object.entries(reasons).toSorted(([, a], [, b]) => b - a);
  const shown = ranked.slice(0, 5).map(([reason, rows]) => `${reason} (${rows})`);
  return ranked.length > shown.length ? `${shown.join(', ')}, and ${ranked.length - shown.length} more reasons` : shown.join(', ');
}
