import { dirname, resolve } from 'node:path';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { findPipelineFile, loadPipeline } from './load-pipeline.js';
import { commandSettings } from './settings.js';

/**
 * Load a pipeline that is about to be started, with what it refers to in the artifact store.
 *
 * @throws CommandError, AnnealError as `loadPipeline` and `storeModule` do
 */
export async function pipelineToSubmit(
  nameOrPath: string,
  assignments: readonly string[] = [],
  store?: () => Promise<ArtifactStore>,
): Promise<PipelineSpec> {
  return storeModule(await loadPipeline(nameOrPath, assignments), nameOrPath, store);
}

/**
 * Put the module that a pipeline's model names into the artifact store: the workers may be on other machines.
 *
 * Repeating it changes nothing, since equal bundles are one artifact.
 *
 * @param nameOrPath of the pipeline, whose file the module's path starts from
 * @param store opened when it is needed; default: that of the environment
 * @throws AnnealError `InvalidModel` when the module cannot be bundled
 */
export async function storeModule(
  spec: PipelineSpec,
  nameOrPath: string,
  store: () => Promise<ArtifactStore> = () => openArtifactStore(commandSettings()),
): Promise<PipelineSpec> {
  const { model } = spec;
  if (model.family !== 'module') return spec;
  const { bundleModule } = await import('../ml/models/module/bundle-module.js');
  const bundle = await bundleModule(model.module, resolve(dirname(findPipelineFile(nameOrPath)), model.module));
  return { ...spec, model: { ...model, source: await (await store()).putBytes(bundle) } };
}
