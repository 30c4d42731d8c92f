import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { ModelFunction } from '../../../contracts/model-function.js';
import type { ModuleModelSpec } from '../../../contracts/pipeline.js';
import { addChainedOps } from './chained-ops.js';
import { moduleFailure, problemOf } from './module-failure.js';
import { rememberSources } from './source-place.js';
import { tfjsSpecifiers } from './tfjs-specifiers.js';

/** By the digest of the bundle. */
const loaded = new Map<string, ModelFunction>();

/**
 * Import a user's bundle into this process, where `buildNetwork` finds it. Only a training child does this.
 *
 * @param path local file with the bundle
 * @param directory where a copy that Node.js can import may lie until this returns
 * @throws AnnealError `ArtifactCorrupt` when the content is not what was submitted, `InvalidModel` when it cannot be imported or
 *   its default export is no function
 */
export async function loadModule(spec: ModuleModelSpec, path: string | undefined, directory: string): Promise<void> {
  const { module, source } = submitted(spec);
  if (loaded.has(source.sha256)) return;
  if (path === undefined) throw new Error(`there is no file with the bundle of the module ${module}`);
  const bytes = readFileSync(path);
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== source.sha256)
    throw new AnnealError(
      failureTypes.artifactCorrupt,
      `The bundle of the model's module ${module} has the digest ${digest}, expected ${source.sha256}. It is not imported. Start the run again, which submits it anew.`,
    );
  const file = join(directory, `model-${digest.slice(0, 16)}.mjs`);
  const text = bytes.toString('utf8');
  writeFileSync(file, resolved(text));
  rememberSources(file, text);
  // What the user calls lies deeper in TensorFlow.js than a stack shows.
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 50);
  addChainedOps();
  let namespace: { readonly default?: unknown };
  try {
    namespace = (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (error) {
    throw moduleFailure(module, `could not be imported: ${problemOf(error, module)}`, 'Correct the file and start the run again.', error);
  }
  if (typeof namespace.default !== 'function')
    throw moduleFailure(
      module,
      `exports ${namespace.default === undefined ? 'nothing' : `a ${typeof namespace.default}`} by default`,
      'Expected a function: export default function (context) { … }.',
    );
  loaded.set(source.sha256, namespace.default as ModelFunction);
}

/** @throws Error when `loadModule` has not run in this process */
export function loadedModule(spec: ModuleModelSpec): ModelFunction {
  const { module, source } = submitted(spec);
  const found = loaded.get(source.sha256);
  if (!found) throw new Error(`the module ${module} has not been loaded in this process`);
  return found;
}

function submitted(spec: ModuleModelSpec): ModuleModelSpec & { readonly source: NonNullable<ModuleModelSpec['source']> } {
  const { module, source } = spec;
  if (source) return { ...spec, source };
  throw moduleFailure(module, 'was not submitted with the pipeline', 'Start the run by "anneal run", which bundles it.');
}

/** The bundle with the places of this installation's TensorFlow.js, so that the model's tensors and the engine's are of one kind. */
function resolved(source: string): string {
  const { resolve } = createRequire(import.meta.url);
  return Object.entries(tfjsSpecifiers).reduce(
    (text, [name, specifier]) => text.replaceAll(JSON.stringify(specifier), JSON.stringify(pathToFileURL(resolve(name)).href)),
    source,
  );
}
