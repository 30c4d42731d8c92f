import { AnnealError, failureTypes } from '../../contracts/failures.js';

/** Keys that would reach an object's prototype instead of the definition. */
const forbidden: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Copy a definition with one value replaced.
 *
 * Objects on the way that are missing are made; an array is entered by index (`gates.0.min`). Nothing is checked but
 * the path itself: give the result to `definePipeline`.
 *
 * @param path names and indices separated by dots, e.g. `training.learningRate`
 * @returns a copy that shares what did not change; the argument stays as it is
 * @throws AnnealError `InvalidPipeline` when the path is empty, or leads through something that is neither object nor array
 */
export function setPath<T>(definition: T, path: string, value: unknown): T {
  const keys = path.split('.');
  if (keys.some((key) => key === '' || forbidden.has(key))) {
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `"${path}" is not a path into a pipeline definition. Write the names separated by dots, for example training.learningRate.`,
    );
  }
  return replaced(definition, keys, 0, value) as T;
}

function replaced(node: unknown, keys: readonly string[], depth: number, value: unknown): unknown {
  if (depth === keys.length) return value;
  const key = keys[depth];
  if (Array.isArray(node)) {
    const items: readonly unknown[] = node;
    const index = Number(key);
    if (!/^\d+$/.test(key) || index > items.length) {
      throw new AnnealError(
        failureTypes.invalidPipeline,
        `The path "${keys.join('.')}" cannot be set: "${keys.slice(0, depth).join('.')}" is a list of ${items.length} items, and "${key}" is not an index into it. Use a number from 0 to ${items.length}.`,
      );
    }
    const copy = [...items];
    copy[index] = replaced(items[index], keys, depth + 1, value);
    return copy;
  }
  if (node !== undefined && (typeof node !== 'object' || node === null)) {
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `The path "${keys.join('.')}" cannot be set: "${keys.slice(0, depth).join('.')}" is ${JSON.stringify(node)}, which has no parts. Set a path that ends there, or leads through an object.`,
    );
  }
  const parts = (node ?? {}) as Readonly<Record<string, unknown>>;
  return { ...parts, [key]: replaced(Object.hasOwn(parts, key) ? parts[key] : undefined, keys, depth + 1, value) };
}
