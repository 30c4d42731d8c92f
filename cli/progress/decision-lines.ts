import colors from 'picocolors';
import type { Anomaly } from '../../contracts/dataset.js';
import type { PipelineStatus } from '../../contracts/training-pipeline.js';
import { timestamp } from '../output.js';

const shownAnomalies = 8;

/** The commands that end a run's wait for a decision about its data, and what each of them does. */
export function decisionCommands({ run, awaitsOverride }: PipelineStatus): { readonly command: string; readonly effect: string }[] {
  return [
    ...(awaitsOverride?.canOverride ? [{ command: `anneal override ${run} --reason "…"`, effect: 'goes on with these data' }] : []),
    { command: `anneal recheck ${run}`, effect: 'reads the source again now, after it was corrected' },
    { command: `anneal cancel ${run}`, effect: 'ends the run' },
  ];
}

/** The command that shows everything that the validation of a run found. */
export function reportCommand({ run }: PipelineStatus): { readonly command: string; readonly effect: string } {
  return { command: `anneal report ${run}`, effect: 'shows the full report' };
}

/** What a run waits for and how to go on; nothing for a run that does not wait for a decision about its data. */
export function decisionLines(status: PipelineStatus): string[] {
  const { awaitsOverride, anomalies } = status;
  if (status.state !== 'awaiting-override' || !awaitsOverride) return [];
  const errors = (anomalies ?? []).filter(({ severity }) => severity === 'error');
  const ways = awaitsOverride.canOverride ? 'override or fix the data' : 'fix the data; as they are, they cannot be overridden';
  return [
    `  ${colors.yellow(`waits: ${ways}`)}`,
    ...errors.slice(0, shownAnomalies).map((anomaly) => `     ${anomalyText(anomaly)}`),
    ...(errors.length > shownAnomalies ? [`     … and ${errors.length - shownAnomalies} more`] : []),
    ...[...decisionCommands(status), reportCommand(status)].map(({ command, effect }) => `     ${command}   ${colors.dim(effect)}`),
    `     ${colors.dim(`A source that changes is noticed without it; after ${timestamp(awaitsOverride.untilMs)} UTC the run fails.`)}`,
  ];
}

/** `✗ delay (leakage): expected …, found …` */
export function anomalyText({ severity, column, rule, expected, found }: Anomaly): string {
  const mark = severity === 'error' ? colors.red('✗') : colors.yellow('!');
  return `${mark} ${column ?? 'data set'} (${rule}): expected ${expected}, found ${found}`;
}
