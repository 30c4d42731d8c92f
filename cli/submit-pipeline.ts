import { dirname, resolve } from 'node:path';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { findPipelineFile, loadPipeline } from './load-pipeline.js';
import { commandSettings } from './settings.js';

/**
 * Load a pipeline that is about to be started, with what it refers to in the artifact store: the workers may be on other machines.
 *
 * Repeating it changes nothing, since equal bundles are one artifact.
 *
 * @param store opened when it is needed; default: that of the environment
 * @throws CommandError, AnnealError as `loadPipeline` does, and `InvalidModel` when the model's module cannot be bundled
 */
export async function pipelineToSubmit(
  nameOrPath: string,
  assignments: readonly string[] = [],
  store: () => Promise<ArtifactStore> = () => openArtifactStore(commandSettings()),
): Promise<PipelineSpec> {
  const spec = await loadPipeline(nameOrPath, assignments);
  const { model } = spec;
  if (model.family !== 'module') return spec;
  const { bundleModule } = await import('../ml/models/module/bundle-module.js');
  const bundle = await bundleModule(model.module, resolve(dirname(findPipelineFile(nameOrPath)), model.module));
  return { ...spec, model: { ...model, source: await (await store()).putBytes(bundle) } };
}
