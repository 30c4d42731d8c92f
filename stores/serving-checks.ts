import type { ArtifactStore } from '../contracts/artifact-store.js';
import { fallbackProblem } from '../contracts/fallback-model.js';
import { interfaceProblem } from '../contracts/interface-change.js';
import type { ModelManifest } from '../contracts/model.js';
import type { RolloutResult, ServedVersion, ServingState } from '../contracts/serving.js';

/**
 * Look whether the fallback model that a version's pipeline names can answer for it.
 *
 * @param championOf what serves under a model's name
 * @returns what is to be said; undefined where it can, where none is named, and where that cannot be read: this is advice, for whose
 * sake nothing fails
 */
export async function checkFallback(
  store: Pick<ArtifactStore, 'readJson'>,
  version: ServedVersion,
  championOf: (model: string) => Promise<ServedVersion | undefined>,
): Promise<string | undefined> {
  try {
    const manifest = await store.readJson<ModelManifest>(version.bundle.manifest);
    const model = manifest.serving?.degrade?.fallbackModel;
    if (model === undefined) return undefined;
    const fallback = await championOf(model);
    return fallbackProblem(manifest, fallback && (await store.readJson<ModelManifest>(fallback.bundle.manifest)));
  } catch {
    return undefined;
  }
}

/**
 * What is to be said to who has promoted a version, or rolled back to it.
 *
 * @param state of the model, once it serves the version
 * @param championOf what serves under a model's name
 * @returns the result with its warnings; as it was where there is nothing to say
 */
export async function withWarnings(
  store: Pick<ArtifactStore, 'readJson'>,
  result: RolloutResult,
  state: ServingState,
  championOf: (model: string) => Promise<ServedVersion | undefined>,
): Promise<RolloutResult> {
  // Another one may have been promoted since: what is to be said of that is said to who did it.
  if (state.champion?.version !== result.version) return result;
  const problems = [await checkFallback(store, state.champion, championOf), await checkInterface(store, state)];
  const warnings = problems.filter((problem) => problem !== undefined);
  return warnings.length === 0 ? result : { ...result, warnings };
}

/**
 * Look what callers of a model notice of the version that serves now, against the one that served before.
 *
 * @returns what is to be said; undefined where that is nothing, and where it cannot be read: this is advice as well
 */
async function checkInterface(
  store: Pick<ArtifactStore, 'readJson'>,
  { model, champion, previous }: Pick<ServingState, 'model' | 'champion' | 'previous'>,
): Promise<string | undefined> {
  if (!champion || !previous) return undefined;
  try {
    const [before, after] = await Promise.all(
      [previous, champion].map(async ({ version, bundle }) => ({
        version,
        manifest: await store.readJson<ModelManifest>(bundle.manifest),
      })),
    );
    return interfaceProblem(model, before, after);
  } catch {
    return undefined;
  }
}
