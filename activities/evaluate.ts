import { availableParallelism, tmpdir } from 'node:os';
import { Context } from '@temporalio/activity';
import type { DataActivities, EvaluateInput, EvaluationResult } from '../contracts/activities.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { PreparedManifest } from '../contracts/dataset.js';
import { AnnealError } from '../contracts/failures.js';
import type { ModelBundle, ModelManifest } from '../contracts/model.js';
import { primaryMetric } from '../contracts/pipeline.js';
import type { ServedVersion } from '../contracts/serving.js';
import { evaluateInChild } from '../ml/evaluate/evaluate-in-child.js';
import type { LocalModel } from '../ml/evaluate/evaluation-job.js';
import type { DataDependencies } from './data-stage.js';
import { withActivityFailures } from './failures.js';

const heartbeatEveryMs = 2000;

export interface EvaluateDependencies extends Pick<DataDependencies, 'store' | 'scratchRoot'> {
  /** Where the evaluation runs; default: in a process of its own. */
  readonly run?: typeof evaluateInChild;
}

/** The part of queue `anneal-data` that measures a model on the test part. Safe to repeat: equal inputs give equal reports. */
export function createEvaluateActivities({
  store,
  scratchRoot = tmpdir(),
  run = evaluateInChild,
}: EvaluateDependencies): Pick<DataActivities, 'evaluateModel'> {
  return withActivityFailures<Pick<DataActivities, 'evaluateModel'>>({
    evaluateModel: (input) => evaluate({ store, scratchRoot, run }, input),
  });
}

async function evaluate({ store, scratchRoot, run }: Required<EvaluateDependencies>, input: EvaluateInput): Promise<EvaluationResult> {
  // Messages of a child process arrive outside of the activity's asynchronous context, so it is taken along.
  const context = Context.current();
  const { cancellationSignal } = context;
  let progress = { rows: 0, totalRows: 0 };
  const timer = setInterval(() => context.heartbeat(progress), heartbeatEveryMs);
  try {
    const prepared = await store.readJson<PreparedManifest>(input.prepared);
    const champion = input.champion && (await localChampion(store, input.champion));
    const measured = await run(
      {
        model: await localModel(store, input.bundle),
        ...(typeof champion === 'object' ? { champion } : {}),
        testPath: await store.localPath(prepared.test.data),
        primaryMetric: primaryMetric(input.spec),
        threads: availableParallelism(),
        scratchRoot,
      },
      (rows, totalRows) => {
        progress = { rows, totalRows };
        context.heartbeat(progress);
      },
      cancellationSignal,
    );
    const report = typeof champion === 'string' ? { ...measured, championSkipped: champion } : measured;
    const { slices: _, calibration: __, ...summary } = report;
    return { report: await store.putJson(report), summary };
  } catch (error) {
    if (cancellationSignal.aborted) await context.cancelled;
    throw error;
  } finally {
    clearInterval(timer);
  }
}

async function localModel(store: ArtifactStore, bundle: ModelBundle): Promise<LocalModel> {
  const [path, manifest] = await Promise.all([store.localPath(bundle.model), store.readJson<ModelManifest>(bundle.manifest)]);
  return { path, manifest };
}

/** A champion that is lost must not keep its successor from being measured. @returns why it is not compared, when it cannot be read */
async function localChampion(
  store: ArtifactStore,
  { version, bundle }: ServedVersion,
): Promise<(LocalModel & { readonly version: string }) | string> {
  try {
    return { ...(await localModel(store, bundle)), version };
  } catch (error) {
    if (error instanceof AnnealError) return `Version ${version} was not compared: ${error.message}`;
    throw error;
  }
}
