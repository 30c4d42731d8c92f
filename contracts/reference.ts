/**
 * A typed pointer to immutable bytes in the artifact store.
 *
 * Workflow payloads carry references, never the data. The store verifies `sha256` when the bytes are read.
 */
export interface ArtifactRef {
  /** `artifact:sha256/<hex>`; resolved by the artifact store that the worker is configured with. */
  readonly uri: string;
  /** Lower-case hex digest of the content. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

export function artifactUri(sha256: string): string {
  return `artifact:sha256/${sha256}`;
}
