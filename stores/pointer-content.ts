import { canonicalJson } from '../contracts/canonical-json.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { ArtifactRef } from '../contracts/reference.js';

/** What a pointer holds. */
export function encodePointer({ uri, sha256, sizeBytes }: ArtifactRef): Uint8Array {
  return new TextEncoder().encode(canonicalJson({ uri, sha256, sizeBytes }));
}

/**
 * @param place where the pointer lies, for the message
 * @throws AnnealError `ArtifactCorrupt` when it does not hold a reference
 */
export function decodePointer(name: string, place: string, text: string): ArtifactRef {
  const ref = parsed(text);
  if (ref) return ref;
  throw new AnnealError(
    failureTypes.artifactCorrupt,
    `The pointer "${name}" (${place}) does not hold a reference to an artifact; something other than the artifact store has written it. Delete the file, and run the step that sets it again.`,
    { pointer: name },
  );
}

function parsed(text: string): ArtifactRef | undefined {
  try {
    const value = JSON.parse(text) as Partial<ArtifactRef> | null;
    if (typeof value?.uri !== 'string' || typeof value.sha256 !== 'string' || typeof value.sizeBytes !== 'number') return undefined;
    return { uri: value.uri, sha256: value.sha256, sizeBytes: value.sizeBytes };
  } catch {
    return undefined;
  }
}
