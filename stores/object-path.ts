import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { ArtifactRef } from '../contracts/reference.js';

/**
 * Where an artifact lies below the root of a store: `sha256/ab/<hex>`, as segments.
 *
 * @throws AnnealError `ArtifactCorrupt` for a digest that is none: it becomes part of a path, and a reference may come from a
 *   workflow's input
 */
export function objectSegments({ uri, sha256 }: ArtifactRef): readonly [string, string, string] {
  if (/^[0-9a-f]{64}$/.test(sha256)) return ['sha256', sha256.slice(0, 2), sha256];
  throw new AnnealError(
    failureTypes.artifactCorrupt,
    `The reference ${JSON.stringify(uri)} carries the digest ${JSON.stringify(sha256)}, which is not a SHA-256 in lower-case hex. Pass on the reference that the artifact store returned.`,
    { uri },
  );
}
