import { figure } from '../../contracts/figure.js';
import type { MetricName } from '../../contracts/pipeline.js';
import {
  type AwaitedOverride,
  stageNames,
  type PipelineStatus,
  type RunResult,
  type StageName,
  type StageStatus,
} from '../../contracts/training-pipeline.js';
import type { RunOutcome } from '../../contracts/activities.js';

type Facts = Partial<
  Pick<
    PipelineStatus,
    | 'sweepWorkflowId'
    | 'crossValidation'
    | 'test'
    | 'baseline'
    | 'champion'
    | 'gates'
    | 'belowBaseline'
    | 'version'
    | 'modelDigest'
    | 'dataDigest'
    | 'trained'
    | 'tracked'
    | 'rollout'
    | 'anomalies'
    | 'validationReport'
    | 'validationPage'
    | 'awaitsOverride'
    | 'dataOverride'
  >
>;

/**
 * What a run knows about itself, and how it tells it. Plain state: the caller brings the clock.
 *
 * | from | event | to |
 * |---|---|---|
 * | pending | `begin` | running |
 * | running | `finish` / `skip` | done / skipped |
 * | running | `awaitApproval`, `awaitOverride` / `resume` | waiting / running |
 * | any stage but done | `end` with failed or cancelled | failed |
 */
export class RunRecord {
  private stages: StageStatus[] = stageNames.map((name) => ({ name, state: 'pending' }));
  private facts: Facts = {};
  private readonly warnings: string[] = [];
  private state: PipelineStatus['state'] = 'running';
  private reason?: string;
  private endedAtMs?: number;

  constructor(private readonly identity: Pick<PipelineStatus, 'pipeline' | 'run' | 'workflowId' | 'primaryMetric' | 'startedAtMs'>) {}

  begin(stage: StageName, nowMs: number): void {
    this.change(stage, { state: 'running', startedAtMs: nowMs });
  }

  /** A stage in which the run was rejected stays failed. */
  finish(stage: StageName, nowMs: number, summary: string): void {
    const isRejected = this.state === 'rejected';
    this.change(stage, { state: isRejected ? 'failed' : 'done', endedAtMs: nowMs, summary });
  }

  /** What a stage that runs does or waits for at the moment, where its name does not say so; its summary replaces it. */
  explain(stage: StageName, summary: string | undefined): void {
    this.change(stage, { summary });
  }

  skip(stage: StageName, summary: string): void {
    this.change(stage, { state: 'skipped', summary });
  }

  awaitApproval(stage: StageName): void {
    this.state = 'awaiting-approval';
    this.change(stage, { state: 'waiting', summary: 'waits for approval' });
  }

  awaitOverride(stage: StageName, awaited: AwaitedOverride): void {
    this.state = 'awaiting-override';
    this.learn({ awaitsOverride: awaited });
    const ways = awaited.canOverride ? 'an override or a mended source' : 'a mended source';
    this.change(stage, { state: 'waiting', summary: `waits for ${ways}` });
  }

  resume(stage: StageName): void {
    this.state = 'running';
    this.learn({ awaitsOverride: undefined });
    this.change(stage, { state: 'running', summary: undefined });
  }

  /** What an override would let pass; undefined while none is waited for. */
  get awaitedOverride(): AwaitedOverride | undefined {
    return this.facts.awaitsOverride;
  }

  get awaitsApproval(): boolean {
    return this.state === 'awaiting-approval';
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  learn(facts: Facts): void {
    this.facts = { ...this.facts, ...facts };
  }

  end(outcome: RunOutcome, nowMs: number, reason?: string): void {
    this.state = outcome;
    this.reason = reason;
    this.endedAtMs = nowMs;
    this.stages = this.stages.map((stage) =>
      stage.state === 'running' || stage.state === 'waiting'
        ? { ...stage, state: outcome === 'promoted' ? 'done' : 'failed', endedAtMs: nowMs }
        : stage,
    );
  }

  status(): PipelineStatus {
    return {
      ...this.identity,
      ...this.facts,
      state: this.state,
      stages: this.stages,
      warnings: this.warnings,
      reason: this.reason,
      endedAtMs: this.endedAtMs,
    };
  }

  result(nowMs: number): RunResult {
    const { test, baseline, champion, version, modelDigest, trained } = this.facts;
    return {
      run: this.identity.run,
      status: this.outcome(),
      model: this.identity.pipeline,
      version,
      metrics: { test, baseline, champion: champion?.metrics },
      modelDigest,
      trained,
      reason: this.reason,
      ...(this.warnings.length > 0 ? { warnings: this.warnings } : {}),
      durationMs: nowMs - this.identity.startedAtMs,
    };
  }

  /** Markdown for the run's page in Temporal's UI. */
  details(): string {
    const rows = this.stages.map((stage) => `| ${stage.name} | ${stage.state} | ${seconds(stage)} | ${stage.summary ?? ''} |`);
    const lines = [
      `**${this.identity.pipeline}** ${this.state}${this.reason ? `: ${this.reason}` : ''}`,
      '',
      '| stage | state | time | |',
      '|---|---|---|---|',
      ...rows,
    ];
    const { test, baseline, champion, tracked } = this.facts;
    if (test && baseline) {
      lines.push('', '| metric (test) | model | naive baseline | champion |', '|---|---|---|---|');
      for (const name of Object.keys(test) as MetricName[])
        lines.push(`| ${name} | ${figure(test[name], '')} | ${figure(baseline?.[name], '')} | ${figure(champion?.metrics[name], '')} |`);
    }
    if (this.facts.awaitsOverride)
      lines.push('', this.facts.awaitsOverride.refusal, '', ...waysOut(this.identity.run, this.facts.awaitsOverride));
    if (this.facts.dataOverride) lines.push('', `Data let pass: ${this.facts.dataOverride.reason}`);
    for (const warning of this.warnings) lines.push('', `Warning: ${warning}`);
    if (tracked) lines.push('', `[MLflow run](${tracked.url})`);
    return lines.join('\n');
  }

  private outcome(): RunOutcome {
    return this.state === 'running' || this.state === 'awaiting-approval' || this.state === 'awaiting-override' ? 'failed' : this.state;
  }

  private change(name: StageName, changes: Partial<StageStatus>): void {
    this.stages = this.stages.map((stage) => (stage.name === name ? { ...stage, ...changes } : stage));
  }
}

function waysOut(run: string, { canOverride, untilMs }: AwaitedOverride): string[] {
  return [
    ...(canOverride ? [`- \`anneal override ${run} --reason "…"\` goes on with these data`] : []),
    `- correct the source: the run notices it by itself; \`anneal recheck ${run}\` looks at once`,
    `- \`anneal report ${run}\` shows the full report`,
    `- cancel the run; without a decision it fails at ${new Date(untilMs).toISOString()}`,
  ];
}

function seconds(stage: StageStatus): string {
  return stage.startedAtMs !== undefined && stage.endedAtMs !== undefined
    ? `${(Math.max(0, stage.endedAtMs - stage.startedAtMs) / 1000).toFixed(1)} s`
    : '';
}
