import type { ModelManifest } from './model.js';

type Signature = Pick<ModelManifest, 'task' | 'classes' | 'quantiles' | 'inputs'>;

/**
 * Whether one model can answer for another: a batch of the one is a batch of the other, and so are the answers. Pure.
 *
 * @param other of the model that is to answer
 * @returns the first difference, as the end of a sentence that begins with the other model; undefined where there is none
 */
export function fallbackMismatch(own: Signature, other: Signature): string | undefined {
  if (own.task !== other.task) return `predicts ${other.task} where the model predicts ${own.task}`;
  const [classes, otherClasses] = [own, other].map((model) => listed(model.classes));
  if (classes !== otherClasses) return `predicts ${otherClasses} where the model predicts ${classes}`;
  const [quantiles, otherQuantiles] = [own, other].map((model) => listed(model.quantiles?.map(String) ?? []));
  if (quantiles !== otherQuantiles) return `predicts quantiles ${otherQuantiles} where the model predicts ${quantiles}`;
  const names = new Set(other.inputs.map(({ name }) => name));
  const lacking = own.inputs.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  if (lacking.length > 0) return `does not read ${listed(lacking)}, which the model reads`;
  const ownNames = new Set(own.inputs.map(({ name }) => name));
  const more = other.inputs.filter(({ name }) => !ownNames.has(name)).map(({ name }) => name);
  if (more.length > 0) return `reads ${listed(more)}, which the model does not`;
  for (const [i, input] of own.inputs.entries()) {
    const { name, type, nullable } = other.inputs[i];
    if (name !== input.name) return `reads the same columns in another order, ${listed(other.inputs.map((each) => each.name))}`;
    if (type !== input.type) return `reads "${name}" as ${type} where the model reads ${input.type}`;
    if (nullable !== input.nullable)
      return nullable
        ? `takes missing values of "${name}", which the model does not`
        : `takes no missing values of "${name}", as the model does`;
  }
  return undefined;
}

/**
 * What is to be said of a version whose pipeline names a fallback model that cannot answer for it as things are. Pure.
 *
 * @param fallback what serves under the fallback model's name; undefined: nothing
 * @returns undefined where there is nothing to say
 */
export function fallbackProblem({ name, serving, ...own }: ModelManifest, fallback: Signature | undefined): string | undefined {
  const model = serving?.degrade?.fallbackModel;
  if (model === undefined) return undefined;
  const then = 'Until then requests that it should answer go to the next of serving.degrade, or fail';
  if (!fallback)
    return `serving.degrade.fallbackModel of "${name}" is "${model}", and no version of such a model serves. Promote one ("anneal run ${model}", "anneal promote ${model} <version>"), or correct the name. ${then}.`;
  const difference = fallbackMismatch(own, fallback);
  if (difference === undefined) return undefined;
  return `serving.degrade.fallbackModel of "${name}" is "${model}", which cannot answer for it, since it ${difference}. Promote a version of it with the same columns and classes, or name another model. ${then}.`;
}

function listed(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ') || 'none';
}
