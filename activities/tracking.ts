import { Context } from '@temporalio/activity';
import { type Client, WithStartWorkflowOperation, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isMlflowError, MlflowClient, type MlflowAuth, type MlflowError } from 'mlflow-ts-client';
import type { TrackingActivities } from '../contracts/activities.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { modelWorkflowId } from '../contracts/ids.js';
import {
  promoteUpdate,
  servingStateQuery,
  type PromoteInput,
  type RolloutResult,
  type ServedVersion,
  type ServingState,
} from '../contracts/serving.js';
import { taskQueues } from '../contracts/task-queues.js';
import { workflowTypes, type ModelLifecycleInput } from '../contracts/training-pipeline.js';
import { withWarnings } from '../stores/serving-checks.js';
import { MlflowRegistry } from '../stores/mlflow-registry.js';
import { MlflowTracking } from '../stores/mlflow-tracking.js';
import { withActivityFailures } from './failures.js';

export interface TrackingOptions {
  readonly mlflow: { readonly trackingUri: string; readonly uiUrl: string; readonly auth?: MlflowAuth };
  /** Temporal's UI, for links out of MLflow. */
  readonly temporalUiUrl: string;
  readonly namespace: string;
  readonly store: ArtifactStore;
  readonly client: Client;
}

const heartbeatEveryMs = 5_000;

/**
 * The activities of the orchestration queue: light I/O against MLflow and Temporal.
 *
 * When MLflow cannot be reached or is busy, they fail in a way that Temporal tries again; when MLflow refuses a
 * request as wrong, with the non-retryable type `MlflowRefused`.
 */
export function createTrackingActivities(options: TrackingOptions): TrackingActivities {
  const { client, store, namespace } = options;
  const mlflow = new MlflowClient({
    trackingUri: options.mlflow.trackingUri,
    auth: options.mlflow.auth,
    // Temporal tries again for hours, and shows each attempt: no long attempts of the client's own.
    maxAttempts: 2,
  });
  const addresses = { uiUrl: options.mlflow.uiUrl, temporalUiUrl: options.temporalUiUrl, namespace };

  /** Requests end when the activity is cancelled or its worker shuts down. */
  async function withMlflow<T>(work: (tracking: MlflowTracking, registry: MlflowRegistry) => Promise<T>): Promise<T> {
    const cancellable = mlflow.withSignal(Context.current().cancellationSignal);
    const tracking = new MlflowTracking(cancellable, store, addresses);
    try {
      return await work(tracking, new MlflowRegistry(cancellable, store, tracking));
    } catch (error) {
      throw isMlflowError(error) ? toMlflowFailure(error, options.mlflow.trackingUri) : error;
    }
  }

  return withActivityFailures<TrackingActivities>({
    openRun: (input) => withMlflow((tracking) => tracking.openRun(input)),
    logDataReport: (input) => withMlflow((tracking) => tracking.logDataReport(input)),
    logDataset: (input) => withMlflow((tracking) => tracking.logDataset(input)),
    logTrial: (input) => withMlflow((tracking) => tracking.logTrial(input)),
    logFold: (input) => withMlflow((tracking) => tracking.logFold(input)),
    logCrossValidation: (input) => withMlflow((tracking) => tracking.logCrossValidation(input)),
    registerModelVersion: (input) => withMlflow((_tracking, registry) => registry.register(input)),
    tagRun: ({ tracked, tags }) => withMlflow((tracking) => tracking.tagRun(tracked.runId, tags)),
    closeRun: ({ tracked, outcome, reason }) => withMlflow((tracking) => tracking.closeRun(tracked, outcome, reason)),
    setModelAlias: ({ model, alias, version }) => withMlflow((_tracking, registry) => registry.setAlias(model, alias, version)),
    resolveModelVersion: ({ model, version }) => withMlflow((_tracking, registry) => registry.resolve(model, version)),

    currentChampion: ({ model }) => currentChampion(client, model),

    async promoteVersion({ model, requestId, ...input }) {
      const rollout = await promote(client, model, requestId, input);
      const state = await servingState(client, model);
      return state ? withWarnings(store, rollout, state, (name) => currentChampion(client, name)) : rollout;
    },
  });
}

async function currentChampion(client: Client, model: string): Promise<ServedVersion | undefined> {
  return (await servingState(client, model))?.champion;
}

/** @returns undefined for a model that was never promoted */
async function servingState(client: Client, model: string): Promise<ServingState | undefined> {
  try {
    return await client.workflow.getHandle(modelWorkflowId(model)).query(servingStateQuery);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Start the model's lifecycle if it does not run, ask it to promote, and wait until the fleet has answered.
 *
 * `requestId` is the update's id: a second attempt attaches to the update of the first. A cancellation ends the waiting,
 * and leaves the rollout, once accepted, to the lifecycle.
 */
async function promote(client: Client, model: string, requestId: string, input: PromoteInput): Promise<RolloutResult> {
  const context = Context.current();
  const workflowId = modelWorkflowId(model);
  const beat = setInterval(() => context.heartbeat(), heartbeatEveryMs);
  try {
    const lifecycle: ModelLifecycleInput = { model };
    const promotion = client.workflow.executeUpdateWithStart(promoteUpdate, {
      args: [input],
      updateId: requestId,
      startWorkflowOperation: new WithStartWorkflowOperation(workflowTypes.modelLifecycle, {
        workflowId,
        taskQueue: taskQueues.orchestration,
        args: [lifecycle],
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `what serves as ${model}`,
      }),
    });
    // After a cancellation nobody waits for it any more. An abort signal does not end a call through a worker's connection.
    promotion.catch(() => undefined);
    return await Promise.race([promotion, context.cancelled]);
  } catch (error) {
    // The lifecycle's own answer, with its type; another attempt would get the same one.
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) throw error.cause;
    throw error;
  } finally {
    clearInterval(beat);
  }
}

function toMlflowFailure(error: MlflowError, trackingUri: string): ApplicationFailure {
  if (error.errorCode === 'UNREACHABLE' || error.errorCode === 'TIMEOUT') {
    return ApplicationFailure.retryable(
      `MLflow does not answer at ${trackingUri}: ${error.message} The step is tried again by itself; start the MLflow server, or correct MLFLOW_TRACKING_URI and restart the worker.`,
      'MlflowUnavailable',
    );
  }
  // A refused login is mended at the server or in the worker's settings, and then the same step goes through.
  const isMendable = error.isTransient || error.status === 401 || error.status === 403;
  return ApplicationFailure.create({
    message: error.message,
    type: isMendable ? 'MlflowUnavailable' : 'MlflowRefused',
    nonRetryable: !isMendable,
    details: [{ errorCode: error.errorCode, status: error.status }],
  });
}
