import type { FittedTransform } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { modelOutputs, reservedOutputs } from '../../contracts/model.js';
import type { Calibration } from '../evaluate/calibration/prediction-calibration.js';
import { lowerTransform } from '../data/transform/transform-kinds.js';
import { lowerPixels } from '../graph/lower-pixels.js';
import { lowerNetwork } from '../graph/lower-network.js';
import { elementTypes, GraphBuilder } from '../graph/onnx-builder.js';
import type { AnomalyScore } from '../../contracts/training-profile.js';
import type { Network } from '../models/network.js';
import { lowerAnomalyScore } from '../monitor/lower-anomaly-score.js';

/** Everything that the exported graph computes with. */
export interface ModelParts {
  readonly transform: FittedTransform;
  readonly network: Network;
  /** The flat vector. */
  readonly parameters: Float32Array;
  readonly calibration: Calibration;
  /** Binary: the probability from which on a row counts as positive; default 0.5. */
  readonly threshold?: number;
  /** Absent: the graph has no output `anomaly`. */
  readonly anomaly?: AnomalyScore;
}

/**
 * Write preprocessing, network, calibration and threshold as one ONNX graph, from raw columns to the prediction.
 *
 * Outputs as `ModelManifest` says. Deterministic: equal parts give equal bytes.
 *
 * @param metadata goes into the file, for people who find it without its manifest
 * @throws AnnealError `InvalidModel` when the model uses a kernel without a translation, or a raw column is named like an output
 */
export function encodeModelGraph(parts: ModelParts, metadata: Readonly<Record<string, string>>): Uint8Array {
  const { image } = parts.transform;
  const { calibration } = parts;
  const reserved = reservedOutputs({
    quantiles: calibration.kind === 'standardization' ? calibration.quantiles : undefined,
    isMultilabel: calibration.kind === 'labels',
  });
  const taken = [...parts.transform.inputs, ...(image ? [image] : [])].find(({ name }) => reserved.includes(name));
  if (taken) {
    throw new AnnealError(
      failureTypes.invalidModel,
      `The column "${taken.name}" is named like an output of the exported model, so the model cannot have it as an input. Give the column another name in the source; ${reserved.join(', ')} are reserved.`,
    );
  }
  const builder = new GraphBuilder('model');
  const matrices = lowerTransform(builder, parts.transform);
  const images =
    image && lowerPixels(builder, builder.input(image.name, 'uint8', ['N', image.height, image.width, image.channels]), -1, image);
  const logits = lowerNetwork(builder, parts.network, { ...matrices, image: images }, parts.parameters); // float32 [N, outputs]
  lowerPrediction(builder, logits, parts);
  if (parts.anomaly) {
    lowerAnomalyScore(builder, parts.transform, parts.anomaly, matrices.categorical, modelOutputs.anomaly);
    builder.output(modelOutputs.anomaly, 'float32', ['N', 1]);
  }
  return builder.encode(metadata);
}

/** Scaled, sorted in each row, and the median apart. */
function lowerQuantiles(
  builder: GraphBuilder,
  logits: string,
  { mean, scale, quantiles = [] }: Extract<Calibration, { kind: 'standardization' }>,
): void {
  const float = (number: number): string => builder.scalar('float32', number);
  const values = builder.node('Add', [builder.node('Mul', [logits, float(scale)]), float(mean)]); // [N, quantiles]
  const count = builder.constant('int64', [quantiles.length]);
  builder.nodeWithOutputs('TopK', [values, count], [modelOutputs.quantiles, builder.unique('order')], { axis: 1, largest: 0, sorted: 1 });
  const median = builder.constant('int64', [quantiles.indexOf(0.5)]);
  builder.node('Gather', [modelOutputs.quantiles, median], { axis: 1 }, modelOutputs.value); // [N, 1]
  builder.output(modelOutputs.value, 'float32', ['N', 1]);
  builder.output(modelOutputs.quantiles, 'float32', ['N', quantiles.length]);
}

function lowerPrediction(builder: GraphBuilder, logits: string, { calibration, threshold = 0.5, network }: ModelParts): void {
  const float = (value: number): string => builder.scalar('float32', value);
  const { probabilities, classIndex, value } = modelOutputs;
  switch (calibration.kind) {
    case 'standardization':
      if (calibration.quantiles) {
        lowerQuantiles(builder, logits, calibration);
        return;
      }
      builder.node('Add', [builder.node('Mul', [logits, float(calibration.scale)]), float(calibration.mean)], {}, value); // [N, 1]
      builder.output(value, 'float32', ['N', 1]);
      return;
    case 'platt': {
      const scaled = builder.node('Mul', [logits, float(calibration.slope)]); // [N, 1]
      const positive = builder.node('Sigmoid', [builder.node('Add', [scaled, float(calibration.intercept)])]); // [N, 1]
      const negative = builder.node('Sub', [float(1), positive]); // [N, 1]
      builder.node('Concat', [negative, positive], { axis: 1 }, probabilities); // [N, 2]
      const isPositive = builder.node('GreaterOrEqual', [positive, float(threshold)]); // bool [N, 1]
      builder.node('Cast', [isPositive], { to: elementTypes.int64 }, classIndex); // [N, 1]
      break;
    }
    case 'labels': {
      const row = (values: readonly number[]): string => builder.constant('float32', values, [1, values.length]);
      const scaled = builder.node('Mul', [logits, row(calibration.slopes)]); // [N, labels]
      builder.node('Sigmoid', [builder.node('Add', [scaled, row(calibration.intercepts)])], {}, probabilities); // [N, labels]
      const isThere = builder.node('GreaterOrEqual', [probabilities, row(calibration.thresholds)]); // bool [N, labels]
      builder.node('Cast', [isThere], { to: elementTypes.int64 }, modelOutputs.labels); // [N, labels]
      builder.output(probabilities, 'float32', ['N', network.outputs]);
      builder.output(modelOutputs.labels, 'int64', ['N', network.outputs]);
      return;
    }
    case 'temperature': {
      const { scale, offsets } = calibration;
      const shifted = offsets ? builder.node('Sub', [logits, builder.constant('float32', offsets, [1, offsets.length])]) : logits;
      builder.node('Softmax', [builder.node('Mul', [shifted, float(scale)])], { axis: 1 }, probabilities); // [N, classes]
      builder.node('ArgMax', [probabilities], { axis: 1, keepdims: 1 }, classIndex); // [N, 1]
      break;
    }
  }
  builder.output(probabilities, 'float32', ['N', calibration.kind === 'platt' ? 2 : network.outputs]);
  builder.output(classIndex, 'int64', ['N', 1]);
}
