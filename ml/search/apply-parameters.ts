import { setPath } from './set-path.js';

/**
 * Put a trial's parameters into a definition.
 *
 * Pure, safe in a workflow and on replay. A value of a space can be wrong for its path (a choice of `"big"` for a
 * learning rate): check the result with `definePipeline`.
 *
 * @param parameters path into the definition → value
 * @returns a copy; the argument stays as it is
 * @throws AnnealError `InvalidPipeline` when a path leads nowhere
 */
export function applyParameters<T>(spec: T, parameters: Readonly<Record<string, unknown>>): T {
  return Object.entries(parameters).reduce((changed, [path, value]) => setPath(changed, path, value), spec);
}
