import type { Anomaly } from '../contracts/dataset.js';
import type { PipelineStatus, RunResult } from '../contracts/training-pipeline.js';
import type { Settings } from '../workers/settings.js';
import { runLinks, type RunLinks } from './links.js';
import { decisionCommands } from './progress/decision-lines.js';
import type { EndedStatus } from './progress/watch-run.js';

/** The object that `anneal run --wait --json` ends with. */
export interface RunReport extends Omit<RunResult, 'status'> {
  /** `awaiting-override`: it goes on waiting for a decision about its data. */
  readonly status: RunResult['status'] | 'awaiting-override';
  /** What is wrong with the data, when it waits for a decision about them. */
  readonly anomalies?: readonly Anomaly[];
  /** What ends its wait. */
  readonly commands?: readonly string[];
  readonly workflowId: string;
  readonly links: RunLinks;
}

/** A run that waits for a decision about its data. */
export type WaitingStatus = PipelineStatus & { readonly state: 'awaiting-override' };

export function runReport(settings: Settings, status: EndedStatus | WaitingStatus, nowMs: number = Date.now()): RunReport {
  const {
    run,
    state,
    pipeline,
    version,
    test,
    baseline,
    champion,
    modelDigest,
    trained,
    awaitsOverride,
    startedAtMs,
    endedAtMs,
    workflowId,
  } = status;
  const reason = status.reason ?? awaitsOverride?.refusal;
  return {
    run,
    status: state,
    model: pipeline,
    ...(version ? { version } : {}),
    metrics: { ...(test ? { test } : {}), ...(baseline ? { baseline } : {}), ...(champion ? { champion: champion.metrics } : {}) },
    durationMs: (endedAtMs ?? nowMs) - startedAtMs,
    ...(modelDigest ? { modelDigest } : {}),
    ...(trained ? { trained } : {}),
    ...(reason ? { reason } : {}),
    ...(status.warnings.length > 0 ? { warnings: status.warnings } : {}),
    ...(state === 'awaiting-override'
      ? { anomalies: status.anomalies ?? [], commands: decisionCommands(status).map(({ command }) => command) }
      : {}),
    workflowId,
    links: runLinks(settings, status),
  };
}
