import { figure } from '../../contracts/figure.js';
import type { StageStatus, TrialStatus } from '../../contracts/training-pipeline.js';
import { duration } from '../output.js';
import { decisionCommands } from './decision-lines.js';
import type { RunSnapshot } from './run-snapshot.js';
import { parametersText } from '../../ml/search/parameters-text.js';
import { idleText, setbackText, trainingText } from './text.js';

const trainingEveryMs = 3000;

/** Says a run line by line, where the terminal cannot be redrawn: one line for each change. */
export class ChangeLines {
  #stages = new Map<string, string>();
  #trials = new Map<number, string>();
  #warnings = 0;
  #setbacks = new Set<string>();
  #idle = new Set<string>();
  #trainingSaidAtMs = 0;
  #awaitsApproval = false;
  #awaitsOverride = false;

  /** @returns what is new since the last snapshot */
  next({ status, sweep, trainings, setbacks = [], idle = [] }: RunSnapshot, nowMs: number): string[] {
    const lines: string[] = [];
    const say = (line: string) => lines.push(`[${duration(nowMs - status.startedAtMs).padStart(8)}] ${line}`);
    const sayTrials = () => {
      for (const trial of sweep?.trials ?? []) {
        const known = `${trial.state} ${trial.rung} ${trial.metric}`;
        if (trial.state === 'pending' || trial.state === 'waiting' || this.#trials.get(trial.trial) === known) continue;
        const line = trialLine(trial, sweep!.rungs.length, sweep!.primaryMetric, !this.#trials.has(trial.trial));
        this.#trials.set(trial.trial, known);
        say(line);
      }
    };
    for (const stage of status.stages) {
      // A sweep begins before its trials, and its last trials end before it.
      const ended = stage.state !== 'running' && stage.state !== 'pending';
      if (stage.name === 'sweep' && ended) sayTrials();
      // The summary of a stage that runs is what it does now.
      const known = stage.state === 'running' ? `running ${stage.summary ?? ''}` : stage.state;
      if (stage.state !== 'pending' && this.#stages.get(stage.name) !== known) {
        this.#stages.set(stage.name, known);
        say(stageLine(stage, status.state === 'cancelled'));
      }
      if (stage.name === 'sweep' && !ended) sayTrials();
    }
    for (const warning of status.warnings.slice(this.#warnings)) say(`warning: ${warning}`);
    this.#warnings = status.warnings.length;
    for (const setback of setbacks) {
      const known = `${setback.activity}: ${setback.reason}`;
      if (this.#setbacks.has(known)) continue;
      this.#setbacks.add(known);
      say(setbackText(setback));
    }
    // Said once for as long as it lasts.
    const idleNow = new Map(idle.map((one) => [`${one.trial} ${one.fold} ${one.activity} ${one.lacks}`, one]));
    for (const [key, one] of idleNow) if (!this.#idle.has(key)) say(idleText(one));
    this.#idle = new Set(idleNow.keys());
    if (status.state === 'awaiting-approval' && !this.#awaitsApproval) {
      say(`waits for approval: anneal approve ${status.run} --reason "…"  or  anneal reject ${status.run} --reason "…"`);
    }
    this.#awaitsApproval = status.state === 'awaiting-approval';
    if (status.awaitsOverride && !this.#awaitsOverride) {
      const commands = decisionCommands(status).map(({ command }) => command);
      say(`waits: override or fix the data: ${commands.join('  or  ')}`);
    }
    this.#awaitsOverride = status.awaitsOverride !== undefined;

    const training = trainings.find(({ trial, fold, progress }) => trial === undefined && fold === undefined && progress);
    // The system's clock may go back.
    if (training?.progress && Math.abs(nowMs - this.#trainingSaidAtMs) >= trainingEveryMs) {
      this.#trainingSaidAtMs = nowMs;
      const again = training.attempt > 1 ? ` (attempt ${training.attempt})` : '';
      say(`train: ${trainingText(training.progress, status.primaryMetric)}${again}`);
    }
    return lines;
  }
}

/** @param isCancelled the run: a stage of it that has failed was going on until then */
function stageLine({ name, state, startedAtMs, endedAtMs, summary }: StageStatus, isCancelled: boolean): string {
  if (state === 'running') return `${name}${summary ? `: ${summary}` : ''} …`;
  const [word, preposition] = state === 'failed' && isCancelled ? ['cancelled', 'after'] : [state, 'in'];
  const time = startedAtMs !== undefined && endedAtMs !== undefined ? ` ${preposition} ${duration(endedAtMs - startedAtMs)}` : '';
  return `${name} ${word}${time}${summary ? `: ${summary}` : ''}`;
}

/** @param isFirst of this trial: what it draws from the space stays the same, and is long */
function trialLine(
  { trial, state, rung, metric, parameters, failure }: TrialStatus,
  rungs: number,
  primaryMetric: string,
  isFirst: boolean,
): string {
  const drawn = isFirst ? ` (${parametersText(parameters)})` : '';
  const result = metric === undefined ? '' : `, ${primaryMetric} ${figure(metric)}`;
  const reason = failure ? `: ${failure}` : '';
  return `trial ${trial} ${state}, rung ${rung + 1}/${rungs}${result}${drawn}${reason}`;
}
