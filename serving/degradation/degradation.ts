import { fallbackMismatch } from '../../contracts/fallback-model.js';
import { AnnealError } from '../../contracts/failures.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { Degradation } from '../../contracts/serving.js';
import { AnswerCache } from './answer-cache.js';
import { HttpError } from '../http/http-error.js';
import type { ModelRegistry, ServedModel } from '../model-registry.js';
import { DeadlineExceededError, RequestCancelledError, type RequestTerms } from '../request-terms.js';
import { RequestCrashedError } from '../executors/runner.js';
import { outputWidth, type Batch, type BatchOutputs } from '../tensors.js';

/** What answered. */
export interface Inference {
  readonly version: string;
  readonly outputs: BatchOutputs;
  /** Absent: the version that was asked. */
  readonly degraded?: Degradation;
}

/** By name of the model. */
const caches = new WeakMap<ModelRegistry, Map<string, AnswerCache>>();

/**
 * Run a batch through a version, or answer it in the way that the version's pipeline has configured for when that cannot be done: by
 * another model, by the last answer to the same input, by the shares of the training data.
 *
 * @throws what the version's executor throws, where nothing is configured or applies
 */
export function inferOrDegrade(registry: ModelRegistry, served: ServedModel, batch: Batch, terms?: RequestTerms): Promise<Inference> {
  const { executor, version } = served;
  terms?.span?.setAttribute('anneal.rows', batch.rows);
  const degrade = executor.manifest.serving?.degrade;
  if (degrade) return inferOrInstead(registry, served, batch, degrade.cachedAnswers, terms);
  return executor.infer(batch, terms).then((outputs) => ({ version, outputs }));
}

async function inferOrInstead(
  registry: ModelRegistry,
  served: ServedModel,
  batch: Batch,
  cachedAnswers: number | undefined,
  terms?: RequestTerms,
): Promise<Inference> {
  const { executor, version, name } = served;
  const cache = cachedAnswers === undefined ? undefined : cacheOf(registry, name, cachedAnswers);
  try {
    const outputs = await executor.infer(batch, terms);
    cache?.put(batch, { version, outputs });
    return { version, outputs };
  } catch (error) {
    if (isOfTheRequest(error)) throw error;
    const instead = await answerInstead(registry, served, batch, terms, cache);
    if (instead) return instead;
    throw error;
  }
}

/**
 * Answer a batch by what the version's pipeline has configured in its stead.
 *
 * @returns undefined where nothing is configured or applies @throws what is of the request, e.g. its timeout
 */
export async function answerInstead(
  registry: ModelRegistry,
  { executor, version, name }: ServedModel,
  batch: Batch,
  terms?: RequestTerms,
  cache?: AnswerCache,
): Promise<Inference | undefined> {
  const degrade = executor.manifest.serving?.degrade;
  if (degrade?.fallbackModel !== undefined) {
    const fallback = registry.peek(degrade.fallbackModel);
    const isFit = fallback && fallback.name !== name && fallbackMismatch(executor.manifest, fallback.executor.manifest) === undefined;
    try {
      if (isFit) return { version: fallback.version, outputs: await fallback.executor.infer(batch, terms), degraded: 'fallback' };
    } catch (failure) {
      if (isOfTheRequest(failure)) throw failure;
    }
    registry.onNoFallback?.(name, isFit ? 'failed' : fallback ? 'differs' : 'absent');
  }
  const cached = cache?.get(batch);
  if (cached) return { ...cached, degraded: 'cache' };
  return degrade?.prior ? { version, outputs: priorOutputs(executor.manifest, batch.rows), degraded: 'prior' } : undefined;
}

/** Another answer would not be one to this request; of one that crashes executors, another model is not asked either. */
function isOfTheRequest(error: unknown): boolean {
  const kinds = [HttpError, AnnealError, DeadlineExceededError, RequestCancelledError, RequestCrashedError];
  return kinds.some((kind) => error instanceof kind);
}

/** @returns the class shares of the training part for each row, or its mean */
export function priorOutputs(manifest: ModelManifest, rows: number): BatchOutputs {
  const { task, trainingPrior, threshold = 0.5, quantiles } = manifest;
  const width = outputWidth(manifest);
  // Of a regression: mean, standard deviation, then the quantiles where some are predicted.
  const row = task === 'regression' ? trainingPrior.slice(quantiles ? 2 : 0) : trainingPrior;
  const values = new Float32Array(rows * width); // [rows, width]
  for (let i = 0; i < values.length; i++) values[i] = row[i % width];
  if (task === 'regression' || task === 'multilabel') return { values };
  const likeliest = trainingPrior.indexOf(Math.max(...trainingPrior));
  const chosen = task === 'binary' ? Number(trainingPrior[1] >= threshold) : likeliest;
  return { values, classIndex: new Int32Array(rows).fill(chosen) };
}

function cacheOf(registry: ModelRegistry, model: string, capacity: number): AnswerCache {
  let ofRegistry = caches.get(registry);
  if (!ofRegistry) caches.set(registry, (ofRegistry = new Map()));
  let cache = ofRegistry.get(model);
  if (!cache) ofRegistry.set(model, (cache = new AnswerCache(capacity)));
  return cache;
}
