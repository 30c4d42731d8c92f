import type { EncodedSplit } from '../../../contracts/dataset.js';
import type { ArtifactRef } from '../../../contracts/reference.js';
import type { DataContext } from '../data-context.js';
import type { EncodedPartFiles } from './encode-part.js';

/** Put the arrays of a part into the store. */
export async function keepSplit(files: EncodedPartFiles, context: DataContext): Promise<EncodedSplit> {
  const { store } = context;
  return {
    rows: files.rows,
    ...(files.categorical === undefined ? {} : { categorical: await store.putFile(files.categorical) }),
    ...(files.numeric === undefined ? {} : { numeric: await store.putFile(files.numeric) }),
    ...(files.image === undefined ? {} : { image: await store.putFile(files.image) }),
    target: await store.putFile(files.target),
  };
}

/** Everything that a reader of the split fetches. */
export function artifactsOf({ categorical, numeric, image, target }: EncodedSplit): ArtifactRef[] {
  return [categorical, numeric, image, target].filter((ref) => ref !== undefined);
}
