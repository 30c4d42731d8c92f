import { answerInstead, inferOrDegrade, type Inference } from '../degradation/degradation.js';
import { HttpError } from '../http/http-error.js';
import type { ModelRegistry, ServedModel } from '../model-registry.js';
import type { RequestTerms } from '../request-terms.js';
import { type Batch, type BatchOutputs, outputWidth, pickRows } from '../tensors.js';
import { reasonOf } from './reason-of.js';

/** What answered, and which rows are unlike the training rows. */
export interface GuardedInference extends Inference {
  /** Positions, ascending; absent when there is none, or the model has no policy. */
  readonly anomalous?: readonly number[];
  /** Positions of the rows that `degraded` says something of; absent: of all. */
  readonly replaced?: readonly number[];
}

/**
 * `inferOrDegrade`, then what the model's pipeline wants of rows that are unlike its training rows: to be flagged, to be answered by
 * what answers for a version that cannot, or to be refused. What is new in a column is counted whatever the policy. What is answered,
 * and nothing else, is told to whoever logs it.
 *
 * @throws HttpError 422 that names rows and columns and repeats no value; what `inferOrDegrade` throws
 */
export function inferGuarded(registry: ModelRegistry, served: ServedModel, batch: Batch, terms?: RequestTerms): Promise<GuardedInference> {
  const { anomalies, onAnswered } = served.executor;
  const submittedAt = onAnswered ? performance.now() : 0;
  const inferring = inferOrDegrade(registry, served, batch, terms);
  // Of a version that does not say what its training rows were like there is nothing to look at.
  const answering = anomalies ? inferring.then((inference) => guard(registry, served, batch, inference, terms)) : inferring;
  if (!onAnswered) return answering;
  return answering.then((answer) => {
    onAnswered(batch, answer, performance.now() - submittedAt, terms?.requestId ?? '');
    return answer;
  });
}

function guard(
  registry: ModelRegistry,
  served: ServedModel,
  batch: Batch,
  inference: Inference,
  terms?: RequestTerms,
): GuardedInference | Promise<GuardedInference> {
  const { anomalies, manifest } = served.executor;
  // The score of a fallback model is one among other training rows.
  const anomaly = inference.degraded === 'fallback' ? undefined : inference.outputs.anomaly;
  anomalies?.observe(batch, anomaly);
  const policy = manifest.serving?.anomaly;
  if (!anomaly || !policy || policy.policy === 'off') return inference;
  const anomalous = rowsFrom(anomaly, policy.threshold);
  if (anomalous.length === 0) return inference;
  anomalies?.observer.anomalous(policy.policy, anomalous.length);
  switch (policy.policy) {
    case 'flag':
      return { ...inference, anomalous };
    case 'reject':
      return refusal(served, batch, anomalous, policy.threshold).then((error) => Promise.reject(error));
    case 'fallback':
      return replaceAnomalous(registry, served, batch, inference, anomalous, terms);
  }
}

async function replaceAnomalous(
  registry: ModelRegistry,
  served: ServedModel,
  batch: Batch,
  inference: Inference,
  anomalous: readonly number[],
  terms?: RequestTerms,
): Promise<GuardedInference> {
  const instead = await answerInstead(registry, served, pickRows(batch, anomalous), terms);
  // With nothing to fall back on, an answer that is marked is better than none.
  if (!instead) return { ...inference, anomalous };
  const isAll = anomalous.length === batch.rows;
  return {
    version: isAll ? instead.version : inference.version,
    outputs: replaceRows(inference.outputs, anomalous, instead.outputs, outputWidth(served.executor.manifest)),
    degraded: instead.degraded,
    anomalous,
    ...(isAll ? {} : { replaced: anomalous }),
  };
}

function rowsFrom(anomaly: Float32Array, threshold: number): number[] {
  const limit = Math.fround(threshold);
  const rows: number[] = [];
  for (let row = 0; row < anomaly.length; row++) if (anomaly[row] >= limit) rows.push(row);
  return rows;
}

/** The outputs with other ones for some rows; the scores stay. */
function replaceRows(outputs: BatchOutputs, rows: readonly number[], by: BatchOutputs, width: number): BatchOutputs {
  const values = outputs.values.slice(); // [N, width]
  const classIndex = outputs.classIndex?.slice(); // [N]
  rows.forEach((row, i) => {
    values.set(by.values.subarray(i * width, (i + 1) * width), row * width);
    if (classIndex && by.classIndex) classIndex[row] = by.classIndex[i];
  });
  return { ...outputs, values, ...(classIndex ? { classIndex } : {}) };
}

async function refusal(served: ServedModel, batch: Batch, rows: readonly number[], threshold: number): Promise<HttpError> {
  const reason = await reasonOf(served.executor, batch, rows[0]);
  const more = rows.length - 1;
  const others = more === 0 ? '' : more === 1 ? ', and so is 1 more row of the request' : `, and so are ${more} more rows of the request`;
  return new HttpError(
    422,
    `Row ${rows[0]} is unlike the training data of the model: ${reason}${others}. This model refuses rows whose anomaly score, the share of training rows that are less unusual, is ${threshold} or more. Check these columns, and the units of their values, and send the request again, or send it without the row.`,
  );
}
