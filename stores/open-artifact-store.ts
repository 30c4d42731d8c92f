import type { ArtifactStore } from '../contracts/artifact-store.js';
import { FileArtifactStore } from './file-artifact-store.js';
import type { S3Settings } from './s3-client.js';
import { parseS3Uri } from './s3-uri.js';

export interface ArtifactStoreSettings {
  /** Absolute directory: of the store, or of the cache of a store elsewhere. */
  readonly artifacts: string;
  /** `s3://<bucket>[/<prefix>]`; absent: the store is the directory. */
  readonly artifactStore?: string;
  /** How large the cache of a store elsewhere may grow. @default without end */
  readonly artifactCacheBytes?: number;
  readonly s3: S3Settings;
}

/**
 * The artifact store that a process is configured with. Makes no request, so it succeeds when the store is away.
 *
 * @throws Error when `artifactStore` names no bucket
 */
export async function openArtifactStore({
  artifacts,
  artifactStore,
  artifactCacheBytes,
  s3,
}: ArtifactStoreSettings): Promise<ArtifactStore> {
  const directory = new FileArtifactStore(artifacts);
  if (artifactStore === undefined) return directory;
  const location = parseS3Uri(artifactStore);
  if (!location)
    throw new Error(`The artifact store ${JSON.stringify(artifactStore)} is no s3://<bucket>/<prefix>. Correct ANNEAL_ARTIFACT_STORE.`);
  // The client of AWS takes a third of a second to load, which those who have no use for it need not wait for.
  const [{ createS3Client }, { S3ArtifactStore }] = await Promise.all([import('./s3-client.js'), import('./s3-artifact-store.js')]);
  const prefix = location.key === '' ? '' : `${location.key.replace(/\/+$/, '')}/`;
  return new S3ArtifactStore({
    client: createS3Client(s3),
    bucket: location.bucket,
    prefix,
    cache: directory,
    ...(artifactCacheBytes === undefined ? {} : { bound: { limitBytes: artifactCacheBytes } }),
  });
}
