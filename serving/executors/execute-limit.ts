import type { ModelManifest } from '../../contracts/model.js';
import { manyRows, type PreparedVersion } from '../loader/prepared-version.js';

const defaultTimeoutSeconds = 30;
/** A batch may take this many times what its rows took when the version was measured, however short the pipeline's timeout. */
const slowness = 10;

/** What a call took when the version was measured, for a batch of so many rows; an upper bound. Pure. @returns milliseconds */
export function measuredMs({ profile }: Pick<PreparedVersion, 'profile'>, rows: number): number {
  return profile.manyRowsMs * Math.ceil(rows / manyRows);
}

/**
 * From when on an executor that computes a batch is taken for stuck: after the timeout of the version's pipeline, but never before ten
 * times what as many rows took when the version was measured. Pure.
 *
 * @returns milliseconds
 */
export function executeLimitMs(version: Pick<PreparedVersion, 'manifest' | 'profile'>, rows: number): number {
  return Math.max(timeoutMs(version.manifest), slowness * measuredMs(version, rows));
}

/** The same while the version is loaded, behind everything else that the machine does, and before it was measured. Pure. */
export function warmUpLimitMs(manifest: ModelManifest): number {
  return 2 * timeoutMs(manifest);
}

function timeoutMs({ serving }: ModelManifest): number {
  return 1000 * (serving?.executeTimeoutSeconds ?? defaultTimeoutSeconds);
}
