import type { ModelManifest } from './model.js';

type Interface = Pick<ModelManifest, 'task' | 'classes' | 'quantiles' | 'inputs'>;

/**
 * What callers of a model notice when one version takes the place of another, which asked for the same columns in another way, or
 * answers something else. Keys that a version does not read are passed over, so a column less is no change for them.
 *
 * Pure.
 *
 * @returns ends of a sentence that begins with the later version; empty where callers need not know
 */
export function interfaceChanges(before: Interface, after: Interface): readonly string[] {
  const known = new Map(before.inputs.map((input) => [input.name, input]));
  const columns = after.inputs.flatMap(({ name, columnType, nullable }) => {
    const old = known.get(name);
    if (!old) return [nullable ? `reads "${name}" as missing where it is not sent` : `refuses requests without "${name}"`];
    const type = old.columnType === columnType ? [] : [`takes "${name}" as ${columnType} where it was ${old.columnType}`];
    return old.nullable && !nullable ? [...type, `refuses missing values of "${name}"`] : type;
  });
  const task = before.task === after.task ? [] : [`predicts ${after.task} where it was ${before.task}`];
  const classes = changed('classes', before.classes, after.classes);
  const quantiles = changed('quantiles', before.quantiles?.map(String), after.quantiles?.map(String));
  return [...columns, ...task, ...classes, ...quantiles];
}

/**
 * What is to be said of a version that serves in the place of another. Pure.
 *
 * @returns undefined where callers need not know
 */
export function interfaceProblem(
  model: string,
  before: { readonly version: string; readonly manifest: Interface },
  after: { readonly version: string; readonly manifest: Interface },
): string | undefined {
  const changes = interfaceChanges(before.manifest, after.manifest);
  if (changes.length === 0) return undefined;
  return `Version ${after.version} of "${model}" ${changes.join(', ')}; version ${before.version}, which served before, did not. Callers of the model have to know; "anneal rollback ${model}" brings version ${before.version} back.`;
}

function changed(what: string, before: readonly string[] = [], after: readonly string[] = []): string[] {
  const [old, now] = [before, after].map((names) => names.map((name) => `"${name}"`).join(', ') || 'none');
  return old === now ? [] : [`has the ${what} ${now} where they were ${old}`];
}
