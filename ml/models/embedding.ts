import * as tf from '@tensorflow/tfjs-core';
import { embeddingVectors, zeros } from './initializer.js';
import { type NetworkBuilder, type NetworkInputs, type ParameterReader, indexColumns } from './network.js';

/**
 * Width of a category's vector when the pipeline says `auto`.
 *
 * @param size number of categories, the bucket of unknown ones included
 * @param scale multiplies the rule's result
 * @returns min(32, round(1.6 · size^0.56)) · scale, between 1 and 256
 * @see the rule of fastai's tabular models
 */
export function automaticDimension(size: number, scale = 1): number {
  const rule = Math.min(32, Math.round(1.6 * size ** 0.56));
  return Math.max(1, Math.min(256, Math.round(rule * scale)));
}

export interface EmbeddingOptions {
  /** Multiplies every automatic dimension. */
  readonly scale: number;
  /** Columns after the vectors, which start at zero. */
  readonly extra: number;
  readonly initial: 'vectors' | 'zeros';
}

export interface Embeddings {
  /** Sum of the widths of the categories' vectors and one-hot rows. */
  readonly width: number;
  /** @returns the vectors of the categories [N, dimension], or one-hot rows [N, size], and the last `extra` columns of their tables [N, extra], a tensor each per feature */
  lookUp(read: ParameterReader, inputs: NetworkInputs): { readonly vectors: tf.Tensor2D[]; readonly extra: tf.Tensor2D[] };
}

/**
 * One table per categorical feature: [size, dimension + extra]. A one-hot feature has a row of zeros and a one in place of a
 * trained vector, and a table [size, extra] where there are extra columns.
 *
 * The `extra` columns let a linear part share the table, and so the look-up and its gradient, with the vectors.
 */
export function addEmbeddings(builder: NetworkBuilder, options: EmbeddingOptions): Embeddings {
  const features = builder.layout.categorical.map((feature) => {
    const { size, encoding } = feature;
    const isOneHot = encoding === 'one-hot';
    const dimension = isOneHot ? 0 : feature.dimension === 'auto' ? automaticDimension(size, options.scale) : feature.dimension;
    return { name: `${isOneHot ? 'one-hot' : 'embedding'}/${feature.name}`, size, dimension, isOneHot };
  });
  for (const { name, size, dimension, isOneHot } of features) {
    const initializer = isOneHot || options.initial === 'zeros' ? zeros : embeddingVectors(dimension, options.extra);
    if (dimension + options.extra > 0) builder.parameter(name, [size, dimension + options.extra], initializer);
  }
  return {
    width: features.reduce((sum, feature) => sum + (feature.isOneHot ? feature.size : feature.dimension), 0),
    lookUp: (read, inputs) => {
      const columns = indexColumns(inputs, (matrix) => tf.unstack(matrix, 1));
      const vectors: tf.Tensor2D[] = [];
      const extra: tf.Tensor2D[] = [];
      features.forEach(({ name, size, dimension, isOneHot }, i) => {
        if (isOneHot) {
          // Integers first: the WASM backend writes integers into a float32 result.
          vectors.push(tf.tidy(name, () => tf.cast(tf.oneHot(columns[i], size), 'float32') as tf.Tensor2D)); // [N, size]
          if (options.extra > 0) extra.push(tf.tidy(name, () => tf.gather(read(name) as tf.Tensor2D, columns[i]))); // [N, extra]
          return;
        }
        const rows = tf.tidy(name, () => tf.gather(read(name) as tf.Tensor2D, columns[i])); // [N, dimension + extra]
        if (options.extra === 0) {
          vectors.push(rows);
          return;
        }
        const [vector, rest] = tf.split(rows, [dimension, options.extra], 1); // [N, dimension], [N, extra]
        vectors.push(vector as tf.Tensor2D);
        extra.push(rest as tf.Tensor2D);
      });
      return { vectors, extra };
    },
  };
}
