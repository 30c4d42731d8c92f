import { HttpError } from '../http/http-error.js';
import type { ModelRegistry } from '../model-registry.js';

/**
 * Triton's load and unload, as far as they mean anything here: what a host serves is decided by promotions, for all hosts alike,
 * and never by a client of one of them.
 */

/**
 * Load: succeeds when the model is served already, so that clients which load before they ask work as they are.
 *
 * @throws AnnealError `UnknownModelVersion`; HttpError 503 while it is not loaded yet
 */
export function confirmLoaded(registry: ModelRegistry, model: string): object {
  registry.resolve(model);
  return {};
}

/** @throws HttpError 409 always */
export function refuseUnload(): never {
  throw new HttpError(
    409,
    'A model is not unloaded by a client: what a host serves is decided by promotions. Promote another version or roll back with the anneal command.',
  );
}
