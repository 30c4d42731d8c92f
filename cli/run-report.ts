import type { RunResult } from '../contracts/training-pipeline.js';
import type { Settings } from '../workers/settings.js';
import { runLinks, type RunLinks } from './links.js';
import type { EndedStatus } from './progress/watch-run.js';

/** The object that `anneal run --wait --json` ends with. */
export interface RunReport extends RunResult {
  readonly workflowId: string;
  readonly links: RunLinks;
}

export function runReport(settings: Settings, status: EndedStatus, nowMs: number = Date.now()): RunReport {
  const { run, state, pipeline, version, test, baseline, champion, modelDigest, reason, startedAtMs, endedAtMs, workflowId } = status;
  return {
    run,
    status: state,
    model: pipeline,
    ...(version ? { version } : {}),
    metrics: { ...(test ? { test } : {}), ...(baseline ? { baseline } : {}), ...(champion ? { champion: champion.metrics } : {}) },
    durationMs: (endedAtMs ?? nowMs) - startedAtMs,
    ...(modelDigest ? { modelDigest } : {}),
    ...(reason ? { reason } : {}),
    workflowId,
    links: runLinks(settings, status),
  };
}
