import colors from 'picocolors';
import { figure } from '../../contracts/figure.js';
import { stageNames, type StageState, type StageStatus, type TrialState } from '../../contracts/training-pipeline.js';
import { duration, table } from '../output.js';
import { decisionLines } from './decision-lines.js';
import type { RunningTraining, RunSnapshot } from './run-snapshot.js';
import { parametersText } from '../../ml/search/parameters-text.js';
import { bestTrialText, idleText, setbackText, trainingText } from './text.js';

const stageMarks: Readonly<Record<StageState, string>> = {
  pending: colors.dim('·'),
  running: colors.cyan('▸'),
  waiting: colors.yellow('?'),
  done: colors.green('✓'),
  skipped: colors.dim('–'),
  failed: colors.red('✗'),
};

const trialColors: Readonly<Record<TrialState, (text: string) => string>> = {
  pending: colors.dim,
  waiting: colors.yellow,
  running: colors.cyan,
  paused: colors.blue,
  pruned: colors.dim,
  completed: colors.green,
  failed: colors.red,
};

const maxTrials = 16;
const stageWidth = Math.max(...stageNames.map((name) => name.length));
/** One cause, such as a full disk, meets all trials at once. */
const maxSetbacks = 2;

/** The run as a compact block of lines, to be drawn over the last one. */
export function liveView({ status, sweep, trainings, setbacks = [], idle = [] }: RunSnapshot, nowMs: number): string[] {
  const stages = status.stages.flatMap((stage) => {
    const lines = [stageLine(stage, nowMs)];
    if (stage.state !== 'running') return lines;
    if (stage.name === 'sweep' && sweep) lines.push(...sweepLines({ status, sweep, trainings }));
    if (stage.name === 'train' || stage.name === 'cross-validate')
      lines.push(...trainings.map((training) => `     ${trainingLine(training, status.primaryMetric)}`));
    return lines;
  });
  return [
    `${colors.bold(status.pipeline)} ${colors.dim(`run ${status.run}`)}  ${duration((status.endedAtMs ?? nowMs) - status.startedAtMs)}`,
    ...stages,
    ...status.warnings.map((warning) => `  ${colors.yellow('!')} ${warning}`),
    ...setbacks.slice(0, maxSetbacks).map((setback) => `  ${colors.yellow('!')} ${setbackText(setback)}`),
    ...idle.slice(0, maxSetbacks).map((one) => `  ${colors.yellow('!')} ${idleText(one)}`),
    ...(status.state === 'awaiting-approval'
      ? [
          `  ${colors.yellow('It waits for approval:')} anneal approve ${status.run} --reason "…"`,
          `                     or: anneal reject ${status.run} --reason "…"`,
        ]
      : []),
    ...decisionLines(status),
  ];
}

function stageLine({ name, state, startedAtMs, endedAtMs, summary }: StageStatus, nowMs: number): string {
  const time = startedAtMs === undefined ? '' : duration((endedAtMs ?? nowMs) - startedAtMs);
  const text = `  ${stageMarks[state]} ${name.padEnd(stageWidth)} ${time.padStart(8)}`;
  return summary ? `${text}  ${colors.dim(summary)}` : text;
}

function trainingLine({ progress, attempt, fold, waits }: RunningTraining, metric: RunSnapshot['status']['primaryMetric']): string {
  const again = attempt > 1 ? colors.yellow(` (attempt ${attempt})`) : '';
  return (
    (fold === undefined ? '' : `fold ${fold}: `) +
    (waits
      ? attempt > 1
        ? 'waiting to be tried again'
        : 'waiting for a training slot'
      : progress
        ? trainingText(progress, metric)
        : 'starting') +
    again
  );
}

function sweepLines({ sweep, trainings }: RunSnapshot): string[] {
  const { trials, rungs, primaryMetric, best } = sweep!;
  const byActivity = new Map(trainings.map((training) => [training.trial, training]));
  const rows = trials.slice(0, maxTrials).map((trial) => {
    const { progress, waits } = byActivity.get(trial.trial) ?? {};
    return [
      `     ${trial.trial}`,
      trialColors[trial.state](trial.state),
      trial.state === 'pending' ? '' : `${trial.rung + 1}/${rungs.length}`,
      trial.trial === best ? colors.green(figure(trial.metric, '')) : figure(trial.metric, ''),
      waits ? 'for a training slot' : progress ? `step ${progress.step}, ${Math.round(progress.rowsPerSecond / 1000)}k rows/s` : '',
      colors.dim(parametersText(trial.parameters)),
    ];
  });
  const more = trials.length > maxTrials ? [`     … and ${trials.length - maxTrials} more trials`] : [];
  const summary = bestTrialText(sweep!);
  return [
    ...table(['     TRIAL', 'STATE', 'RUNG', primaryMetric.toUpperCase(), 'NOW', 'PARAMETERS'], rows),
    ...more,
    ...(summary ? [`     ${summary}`] : []),
  ];
}
