import type { ArtifactStore } from '../contracts/artifact-store.js';
import { fallbackProblem } from '../contracts/fallback-model.js';
import type { ModelManifest } from '../contracts/model.js';
import type { ServedVersion } from '../contracts/serving.js';

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
