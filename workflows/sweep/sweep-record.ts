import { figure } from '../../contracts/figure.js';
import type { MetricName } from '../../contracts/pipeline.js';
import type { RungResult } from '../../ml/search/successive-halving.js';
import type { RungReport, SweepStatus, TrialStatus } from '../../contracts/training-pipeline.js';

/** What a sweep knows of its trials. Plain state, safe in a workflow. */
export class SweepRecord {
  private trials: TrialStatus[];

  constructor(
    private readonly primaryMetric: MetricName,
    private readonly lowerIsBetter: boolean,
    private readonly rungs: readonly number[],
    trials: readonly Pick<TrialStatus, 'trial' | 'workflowId' | 'parameters'>[],
  ) {
    this.trials = trials.map((trial) => ({ ...trial, state: 'pending', rung: 0 }));
  }

  begin(trial: number, rung: number): void {
    this.change(trial, { state: 'running', rung });
  }

  /** A report that comes twice, or late, changes nothing. */
  report({ trial, rung, metric, failure }: RungReport): void {
    const known = this.trials[trial];
    if (known?.state !== 'running' || known.rung !== rung) return;
    if (failure !== undefined) return this.change(trial, { state: 'failed', failure });
    const last = rung === this.rungs.length - 1;
    this.change(trial, { state: last ? 'completed' : 'paused', metric: metric === undefined || Number.isNaN(metric) ? undefined : metric });
  }

  /** The trial's workflow has failed or was ended. One that had nothing more to train keeps its result. */
  lose(trial: number, failure: string): void {
    const { state } = this.trials[trial];
    if (state === 'running' || state === 'paused') this.change(trial, { state: 'failed', failure });
  }

  prune(trial: number): void {
    this.change(trial, { state: 'pruned' });
  }

  running(): number {
    return this.trials.filter(({ state }) => state === 'running').length;
  }

  hasFailed(trial: number): boolean {
    return this.trials[trial].state === 'failed';
  }

  /** How each of these trials stands at its last rung; without a value where it failed. */
  results(trials: readonly number[]): RungResult[] {
    return trials.map((trial) => ({ trial, value: this.hasFailed(trial) ? undefined : this.trials[trial].metric }));
  }

  /** The best of those that came furthest; ties go to the lower trial number. */
  best(): (TrialStatus & { metric: number }) | undefined {
    const usable = this.trials.filter(
      (trial): trial is TrialStatus & { metric: number } => trial.metric !== undefined && trial.state !== 'failed',
    );
    const sign = this.lowerIsBetter ? 1 : -1;
    return usable.sort((a, b) => b.rung - a.rung || sign * (a.metric - b.metric) || a.trial - b.trial)[0];
  }

  status(): SweepStatus {
    return { primaryMetric: this.primaryMetric, rungs: this.rungs, trials: this.trials, best: this.best()?.trial };
  }

  /** Markdown for the sweep's page in Temporal's UI. */
  details(): string {
    const best = this.best();
    const ended = this.trials.filter(({ state }) => state !== 'pending' && state !== 'running').length;
    const rows = this.trials.map(
      ({ trial, state, rung, metric, parameters }) =>
        `| ${trial} | ${state} | ${rung} | ${figure(metric, '')} | \`${JSON.stringify(parameters)}\` |`,
    );
    return [
      `**sweep** ${ended}/${this.trials.length} trials${best ? `, best ${this.primaryMetric} ${figure(best.metric)} (trial ${best.trial})` : ''}`,
      '',
      `| trial | state | rung | ${this.primaryMetric} | parameters |`,
      '|---|---|---|---|---|',
      ...rows.slice(0, 100),
    ].join('\n');
  }

  private change(trial: number, changes: Partial<TrialStatus>): void {
    this.trials = this.trials.map((known) => (known.trial === trial ? { ...known, ...changes } : known));
  }
}
