import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { ModelContext } from '../../../contracts/model-function.js';
import { addEmbeddings } from '../embedding.js';
import { concatColumns } from '../mlp.js';
import { type Network, NetworkBuilder, type NetworkInputs, type ParameterReader, type TrainingPass } from '../network.js';
import { DropoutDraws } from './draw-dropout.js';
import { allLayers, checkLayers } from './check-layers.js';

type Layer = layers.Layer;
type LayerWeight = LayersModel['weights'][number];
export type Feed = keyof ModelContext['inputs'];

/** What Anneal reaches into: tfjs keeps a weight's value in itself, a training step passes it in and takes the next one out. */
interface OpenWeight {
  val: tf.Tensor;
  write?: (next: tf.Tensor) => unknown;
}

/**
 * A layers model as a pure function of its weights.
 *
 * The weights that train come first, then the others (running statistics, frozen layers). Dropout layers draw from the step's keys,
 * since TensorFlow.js' own would be recorded as one mask for all steps.
 *
 * @throws Error that says what of the model has no place in a training step
 */
export function layersNetwork(model: LayersModel, context: ModelContext, layout: FeatureLayout, outputs: number, seed: number): Network {
  checkLayers(model);
  const feeds = inputFeeds(model, context);
  const builder = new NetworkBuilder(layout, outputs);
  const embeddings =
    feeds.includes('features') && layout.categorical.length > 0
      ? addEmbeddings(builder, { scale: 1, extra: 0, initial: 'vectors' })
      : undefined;
  const trained = model.trainableWeights;
  const fixed = model.nonTrainableWeights;
  const weights = [...trained, ...fixed];
  const names = weights.map((weight, i) => {
    const shape = weight.shape.map((length) => length ?? 1);
    const values = weight.read().dataSync<'float32'>().slice();
    const name = `${i}/${weight.originalName}`;
    return i < trained.length
      ? builder.parameter(name, shape, { kind: 'values', values })
      : builder.statistic(name, shape, { kind: 'values', values });
  });

  let draws = new DropoutDraws(undefined);
  for (const layer of allLayers(model)) wrap(layer, (x, rate) => draws.apply(x, rate));
  const features = (read: ParameterReader, inputs: NetworkInputs): tf.Tensor2D =>
    concatColumns([...(embeddings?.lookUp(read, inputs).vectors ?? []), ...(inputs.numeric ? [inputs.numeric] : [])]);

  return builder.build(seed, (read, inputs, training) => {
    draws = new DropoutDraws(training);
    const given = feeds.map((feed, i) => cast(feed === 'features' ? features(read, inputs) : inputs[feed]!, model.inputs[i].dtype));
    const result = withWeights(weights, names.map(read), gatherInto(training, names, trained.length), () =>
      model.apply(given.length === 1 ? given[0] : given, { training: training !== undefined }),
    );
    return (Array.isArray(result) ? result[0] : result) as tf.Tensor2D;
  });
}

function cast(x: tf.Tensor, dtype: string): tf.Tensor {
  return dtype === 'float32' && x.dtype !== 'float32' ? tf.cast(x, 'float32') : x;
}

/** @throws Error when an input is called like nothing that there is, or has another shape */
function inputFeeds(model: LayersModel, { inputs }: ModelContext): readonly Feed[] {
  const there = Object.keys(inputs) as Feed[];
  const matrices = there.filter((feed) => feed !== 'features');
  return model.inputs.map(({ name, shape }) => {
    // TensorFlow.js numbers a name that it has seen before.
    const known = there.find((feed) => feed === name.replace(/_\d+$/, ''));
    if (!known && model.inputs.length > 1)
      throw new Error(`has an input named "${name}"; there are ${there.join(', ')}, name its inputs after those that it reads`);
    const feed = known ?? (matrices.length === 1 && matrices[0] !== 'categorical' ? matrices[0] : 'features');
    const expected = [null, ...(inputs[feed]?.shape ?? [])];
    if (shape[0] !== null) throw new Error(`fixes the size of the batch at ${shape[0]}; give its input a shape instead of a batchShape`);
    if (shape.join() !== expected.join())
      throw new Error(`has an input "${name}" of the shape [${shapeText(shape)}], expected [${shapeText(expected)}], that of "${feed}"`);
    return feed;
  });
}

export function shapeText(shape: readonly (number | null)[]): string {
  return shape.map((length) => length ?? 'N').join(', ');
}

function gatherInto(training: TrainingPass | undefined, names: readonly string[], trained: number) {
  return (index: number, next: tf.Tensor): void => {
    // A frozen weight that a layer writes all the same keeps what it has.
    if (index >= trained) training?.gather(names[index], next);
  };
}

/** Run with other values in the weights' place; they are put back, also on an error. */
function withWeights<T>(
  weights: readonly LayerWeight[],
  values: readonly tf.Tensor[],
  written: (index: number, next: tf.Tensor) => void,
  run: () => T,
): T {
  const open = weights as unknown as OpenWeight[];
  const own = open.map(({ val }) => val);
  try {
    open.forEach((weight, i) => {
      weight.val = values[i];
      weight.write = (next) => {
        written(i, next);
        return weight;
      };
    });
    return run();
  } finally {
    open.forEach((weight, i) => {
      weight.val = own[i];
      delete weight.write;
    });
  }
}

/**
 * Say in a recording which layer a kernel belongs to, let a dropout layer draw by `drop`, and let a layer normalization broadcast:
 * TensorFlow.js' own repeats its statistics by the size of the batch.
 */
function wrap(layer: Layer, drop: (x: tf.Tensor, rate: number) => tf.Tensor): void {
  const call = layer.call.bind(layer);
  const kind = layer.getClassName();
  const { rate } = layer.getConfig() as { rate?: number };
  layer.call = (inputs, kwargs) =>
    tf.tidy(layer.name, () => {
      const [x] = Array.isArray(inputs) ? inputs : [inputs];
      if (kind === 'LayerNormalization') return normalizeLayer(layer as unknown as LayerNormalization, x);
      if (kind !== 'Dropout') return call(inputs, kwargs);
      return kwargs.training ? drop(x, rate ?? 0) : x.clone();
    });
}

interface LayerNormalization {
  readonly name: string;
  /** Resolved when the layer was built. */
  readonly axis: number[];
  readonly epsilon: number;
  readonly gamma: LayerWeight | null;
  readonly beta: LayerWeight | null;
}

function normalizeLayer({ name, axis, epsilon, gamma, beta }: LayerNormalization, x: tf.Tensor): tf.Tensor {
  // Scales and shifts of other axes would not broadcast.
  if (!axis.every((each, i) => each === x.rank - axis.length + i))
    throw new Error(`the layer "${name}" normalizes the axes ${axis.join(', ')}; only the last ones can be`);
  const { mean, variance } = tf.moments(x, axis, true); // [N, …, 1]
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon))); // as x
  const scaled = gamma ? tf.mul(normal, gamma.read()) : normal; // as x
  return beta ? tf.add(scaled, beta.read()) : scaled; // as x
}
