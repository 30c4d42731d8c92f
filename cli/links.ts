import type { PipelineStatus } from '../contracts/training-pipeline.js';
import type { Settings } from '../workers/settings.js';
import { inferenceUrl } from './stack/inference-url.js';

/** Pages and endpoints of a run; what does not exist yet is absent. */
export interface RunLinks {
  /** The workflow in Temporal's UI. */
  readonly temporal: string;
  readonly mlflowRun?: string;
  readonly mlflowModel?: string;
  /** Where predictions are asked for. */
  readonly inference?: string;
}

export function workflowPage(settings: Settings, workflowId: string): string {
  return `${settings.temporal.uiUrl}/namespaces/${encodeURIComponent(settings.temporal.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
}

export function modelVersionPage(settings: Settings, model: string, version: string): string {
  return `${settings.mlflow.uiUrl}/#/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`;
}

export function predictUrl(settings: Settings, model: string): string {
  return `${inferenceUrl(settings)}/v1/models/${encodeURIComponent(model)}:predict`;
}

export function runLinks(settings: Settings, { workflowId, pipeline, tracked, version, state }: PipelineStatus): RunLinks {
  return {
    temporal: workflowPage(settings, workflowId),
    ...(tracked ? { mlflowRun: tracked.url } : {}),
    ...(version ? { mlflowModel: modelVersionPage(settings, pipeline, version) } : {}),
    ...(state === 'promoted' ? { inference: predictUrl(settings, pipeline) } : {}),
  };
}
