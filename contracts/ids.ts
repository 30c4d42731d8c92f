/** Workflow ids are the idempotency keys of the system; they are made here and nowhere else. */

export function pipelineWorkflowId(pipeline: string, run: string): string {
  return `pipeline/${pipeline}/${run}`;
}

export function sweepWorkflowId(pipelineRun: string): string {
  return `${pipelineRun}/sweep`;
}

export function trialWorkflowId(sweep: string, trial: number): string {
  return `${sweep}/trial-${trial}`;
}

export function crossValidationWorkflowId(pipelineRun: string): string {
  return `${pipelineRun}/cross-validation`;
}

export function foldWorkflowId(crossValidation: string, fold: number): string {
  return `${crossValidation}/fold-${fold}`;
}

export function modelWorkflowId(model: string): string {
  return `model/${model}`;
}

export function rolloutWorkflowId(model: string, epoch: number): string {
  return `${modelWorkflowId(model)}/rollout-${epoch}`;
}

export function batchWorkflowId(model: string, job: string): string {
  return `batch/${model}/${job}`;
}

export function scheduleId(pipeline: string): string {
  return `schedule/${pipeline}`;
}

/** @returns pipeline and run of a `pipeline/<name>/<run>` id, or undefined for any other id */
export function parsePipelineWorkflowId(id: string): { pipeline: string; run: string } | undefined {
  const match = /^pipeline\/([^/]+)\/([^/]+)$/.exec(id);
  return match ? { pipeline: match[1], run: match[2] } : undefined;
}

/** @returns the model of a `model/<name>` id, or undefined for any other id, e.g. that of a rollout */
export function parseModelWorkflowId(id: string): string | undefined {
  return /^model\/([^/]+)$/.exec(id)?.[1];
}

/** @returns model and job of a `batch/<model>/<job>` id, or undefined for any other id */
export function parseBatchWorkflowId(id: string): { model: string; job: string } | undefined {
  const match = /^batch\/([^/]+)\/([^/]+)$/.exec(id);
  return match ? { model: match[1], job: match[2] } : undefined;
}
