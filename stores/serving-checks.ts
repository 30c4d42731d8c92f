import type { ArtifactStore } from '../contracts/artifact-store.js';
import { fallbackProblem } from '../contracts/fallback-model.js';
import { interfaceProblem } from '../contracts/interface-change.js';
import type { ModelManifest } from '../contracts/model.js';
import type { ServedVersion, ServingState } from '../contracts/serving.js';

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
 * Look what callers of a model notice of the version that serves now, against the one that served before.
 *
 * @returns what is to be said; undefined where that is nothing, and where it cannot be read: this is advice as well
 */
export async function checkInterface(
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
