import { AnnealError, failureTypes } from '../contracts/failures.js';

/** @returns names of the pointers among what lies in their folder, sorted */
export function pointersIn(folder: string, names: readonly string[]): string[] {
  const pointers = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  return pointers.map((name) => `${folder}/${name}`).sort();
}

/**
 * The segments of a pointer's name: letters, digits, `.`, `_`, `-`, separated by `/`.
 *
 * @throws AnnealError `InvalidRequest` for any other name, so that no name can lead out of the store's directory
 */
export function pointerSegments(name: string): string[] {
  const segments = name.split('/');
  const leads = segments.every((segment) => /^[A-Za-z0-9._-]{1,200}$/.test(segment) && segment !== '.' && segment !== '..');
  // A folder named like a pointer's file would stand in that pointer's way.
  const clashes = segments.slice(0, -1).some((segment) => segment.endsWith('.json'));
  if (leads && !clashes) return segments;
  throw new AnnealError(
    failureTypes.invalidRequest,
    `${JSON.stringify(name)} cannot name a pointer to an artifact. A name has segments of letters, digits, ".", "_" and "-" (1 to 200 of them, not "." or ".." alone), separated by "/"; only the last may end in ".json". Choose such a name.`,
    { name },
  );
}
