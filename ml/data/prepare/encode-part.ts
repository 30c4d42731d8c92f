import type { FittedTransform } from '../../../contracts/dataset.js';
import type { DataSession } from '../duckdb-session.js';
import { encodeImages } from './encode-images.js';
import { type EncodeOptions, encodeSplit, type EncodedSplitFiles } from './encode-split.js';
import { encodedTarget } from '../target-column.js';
import type { EncodedColumns } from '../transform/transform-kinds.js';

export interface EncodedPartFiles extends EncodedSplitFiles {
  /** uint8 [rows, height · width · channels] */
  readonly image?: string;
}

/** Everything of a part that a network reads: matrices, target and images, in the order of the relation's rows. */
export async function encodePart(
  session: DataSession,
  relation: string,
  { image }: Pick<FittedTransform, 'image'>,
  columns: EncodedColumns,
  name: string,
  options: EncodeOptions = {},
): Promise<EncodedPartFiles> {
  const files = await encodeSplit(session, relation, columns, encodedTarget, name, options);
  return image ? { ...files, image: await encodeImages(session, relation, image, name) } : files;
}
