import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ImageShape } from '../../contracts/image-input.js';
import { imageRowsAtOnce } from '../data/read/image-input.js';
import { type RawTensor, sliceTensors } from '../data/read/raw-tensors.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { modelOutputs } from '../../contracts/model.js';

/**
 * Load an exported model. Blocks the thread for milliseconds to seconds, by the model's size.
 *
 * @throws AnnealError `InvalidModel` when onnxruntime refuses it
 */
export async function openModel(model: Uint8Array | string, threads: number): Promise<InferenceSession> {
  try {
    const options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
    return await (typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options));
  } catch (cause) {
    throw new AnnealError(
      failureTypes.invalidModel,
      `onnxruntime cannot load the exported model: ${cause instanceof Error ? cause.message : String(cause)}. Expected a graph of known operators. Change the model's configuration, and report the one that failed.`,
      undefined,
      { cause },
    );
  }
}

/**
 * @param columns by name of the raw input
 * @returns `probabilities`, row-major [rows · classes], `quantiles` [rows · quantiles], or `value` [rows]
 */
export async function predictWith(session: InferenceSession, columns: Readonly<Record<string, RawTensor>>): Promise<Float32Array> {
  const output = valuesOutput(session);
  return (await runModel(session, columns, [output]))[output].data as Float32Array;
}

function valuesOutput({ outputNames }: InferenceSession): string {
  const { quantiles, value, probabilities } = modelOutputs;
  return [quantiles, value].find((name) => outputNames.includes(name)) ?? probabilities;
}

/** @returns the outputs by name */
export function runModel(
  session: InferenceSession,
  columns: Readonly<Record<string, RawTensor>>,
  outputs: readonly string[],
): Promise<InferenceSession.OnnxValueMapType> {
  return session.run(Object.fromEntries(session.inputNames.map((name) => [name, toTensor(columns[name])])), [...outputs]);
}

/** What the graph computes for some rows. */
export interface ModelOutputs {
  /** `probabilities`, row-major [rows · classes], `quantiles` [rows · quantiles], or `value` [rows]. */
  readonly values: Float32Array;
  /** `class_index` [rows]; absent for regression and several labels. */
  readonly classIndex?: BigInt64Array;
  /** [rows]; absent of a model that does not score its rows. */
  readonly anomaly?: Float32Array;
}

/** The predictions with the chosen classes and the scores. @param columns by name of the raw input */
export async function predictClassesWith(session: InferenceSession, columns: Readonly<Record<string, RawTensor>>): Promise<ModelOutputs> {
  const { classIndex, anomaly } = modelOutputs;
  const has = (name: string): boolean => session.outputNames.includes(name);
  const output = valuesOutput(session);
  const result = await runModel(session, columns, [output, ...[classIndex, anomaly].filter(has)]);
  return {
    values: result[output].data as Float32Array,
    ...(has(classIndex) ? { classIndex: result[classIndex].data as BigInt64Array } : {}),
    ...(has(anomaly) ? { anomaly: result[anomaly].data as Float32Array } : {}),
  };
}

/** Rows of which the graph takes so many at once: images are many numbers a row, and what a network makes of them many more. */
export function* tensorParts(
  image: ImageShape | undefined,
  columns: Readonly<Record<string, RawTensor>>,
  rows: number,
): Generator<{ readonly from: number; readonly columns: Readonly<Record<string, RawTensor>> }> {
  const atOnce = image ? imageRowsAtOnce(image) : rows;
  if (atOnce >= rows) yield { from: 0, columns };
  else for (let from = 0; from < rows; from += atOnce) yield { from, columns: sliceTensors(columns, from, Math.min(rows, from + atOnce)) };
}

function toTensor(column: RawTensor): Tensor {
  switch (column.type) {
    case 'string':
      return new Tensor('string', column.data, column.dims);
    case 'int64':
      return new Tensor('int64', column.data, column.dims);
    case 'float64':
      return new Tensor('float64', column.data, column.dims);
    case 'uint8':
      return new Tensor('uint8', column.data, column.dims);
  }
}
