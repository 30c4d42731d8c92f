/** Tags that Anneal writes into MLflow, so that what it made can be found again. */
export const tagNames = {
  workflowId: 'anneal.workflow_id',
  temporalRunId: 'anneal.temporal_run_id',
  temporalUrl: 'anneal.temporal_url',
  trialWorkflowId: 'anneal.trial_workflow_id',
  trialState: 'anneal.trial_state',
  foldWorkflowId: 'anneal.fold_workflow_id',
  pipeline: 'anneal.pipeline',
  dataDigest: 'anneal.data_digest',
  /** Why data that did not meet the expectations were let pass. */
  dataOverride: 'anneal.data_override',
  /** What a run waits for; empty when it goes on. */
  waitsFor: 'anneal.waits_for',
  engine: 'anneal.engine',
  /** Of data, code, seed and configuration of the training. */
  trainingDigest: 'anneal.training_digest',
  codeVersion: 'anneal.code_version',
  /** SHA-256 of the trained parameters that the model was exported from. */
  parametersDigest: 'anneal.parameters_digest',
  outcome: 'anneal.outcome',
  reason: 'anneal.reason',
  /** JSON of `ModelBundle`: what a host needs to serve the version. */
  bundle: 'anneal.bundle',
  modelDigest: 'anneal.model_digest',
  /** Milliseconds since 1970. */
  runStartedAt: 'anneal.run_started_at_ms',
  primaryMetric: 'anneal.primary_metric',
  primaryMetricValue: 'anneal.primary_metric_value',
} as const;

export const challengerAlias = 'challenger';

/** Longest value of a parameter, and of a run's tag, that MLflow takes. */
const limits = { param: 6000, tag: 8000 } as const;

/** Shorten a text to what MLflow takes; one that was cut ends in "…". */
export function fitted(text: string, kind: keyof typeof limits): string {
  const limit = limits[kind];
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** A tag in MLflow's filter syntax, whose names with dots need backticks. */
export function tagFilter(name: string, value: string): string {
  return `tags.\`${name}\` = '${value}'`;
}

/**
 * Parameters as MLflow shows them: `{training: {epochs: 5}}` becomes `training.epochs` → "5"; lists and texts as they are.
 */
export function flattenParameters(value: Readonly<Record<string, unknown>>, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]): [string, string][] => {
      if (member === undefined) return [];
      if (typeof member === 'object' && member !== null && !Array.isArray(member)) {
        return Object.entries(flattenParameters(member as Record<string, unknown>, `${prefix}${key}.`));
      }
      return [[`${prefix}${key}`, fitted(typeof member === 'string' ? member : JSON.stringify(member), 'param')]];
    }),
  );
}

/** Metrics under a heading, e.g. `test/auc`; those that a task does not have are left out. */
export function underHeading(heading: string, metrics: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const present = Object.entries(metrics).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries(present.map(([name, value]) => [`${heading}/${name}`, value]));
}
