import colors from 'picocolors';
import { figure } from '../../contracts/figure.js';
import { metricNames, type Metrics } from '../../contracts/pipeline.js';
import type { PipelineStatus } from '../../contracts/training-pipeline.js';
import { duration, table } from '../output.js';
import { crossValidationTable } from './cross-validation-view.js';
import { anomalyText, decisionLines, reportCommand } from './decision-lines.js';
import type { RunLinks } from '../links.js';

/** A run that has ended, for people: outcome, metrics, gates, where to look. */
export function resultView(status: PipelineStatus, links: RunLinks, nowMs: number = Date.now()): string[] {
  const { pipeline, run, version, gates, belowBaseline, anomalies, awaitsOverride, dataOverride } = status;
  const reason = status.reason ?? awaitsOverride?.refusal;
  const took = duration((status.endedAtMs ?? nowMs) - status.startedAtMs);
  const problems = (anomalies ?? []).filter(({ severity }) => severity === 'error');
  return [
    `${outcome(status)}  ${colors.bold(pipeline)}${version ? ` version ${version}` : ''}  ${colors.dim(`run ${run}, ${took}`)}`,
    ...(reason ? [`  ${reason}`] : []),
    ...(awaitsOverride ? [] : problems.map((problem) => `  ${anomalyText(problem)}`)),
    ...(awaitsOverride || problems.length === 0 || !status.validationReport
      ? []
      : [`  ${reportCommand(status).command}   ${colors.dim(reportCommand(status).effect)}`]),
    ...decisionLines(status),
    ...(dataOverride ? [`  ${colors.yellow('!')} data let pass: ${dataOverride.reason}`] : []),
    ...(belowBaseline ? [`  ${colors.yellow('!')} ${belowBaseline}`] : []),
    ...crossValidationTable(status),
    ...metricsTable(status),
    ...(gates && gates.length > 0
      ? ['', ...gates.map(({ passed, explanation }) => `  ${passed ? colors.green('✓') : colors.red('✗')} gate ${explanation}`)]
      : []),
    ...weightsLine(status),
    '',
    ...linkLines(links),
  ];
}

function outcome({ state }: PipelineStatus): string {
  switch (state) {
    case 'promoted':
      return colors.green('promoted');
    case 'rejected':
      return colors.yellow('rejected');
    case 'failed':
      return colors.red('failed');
    case 'cancelled':
      return colors.yellow('cancelled');
    case 'awaiting-approval':
      return colors.yellow('waits for approval');
    case 'awaiting-override':
      return colors.yellow('waits for a decision about its data');
    case 'running':
      return colors.cyan('running');
  }
}

/** The model beside the naive baseline and, where there is one, the champion; the primary metric first. */
function metricsTable({ test, baseline, champion, primaryMetric }: PipelineStatus): string[] {
  if (!test) return [];
  const names = metricNames
    .filter((name) => test[name] !== undefined)
    .sort((a, b) => Number(b === primaryMetric) - Number(a === primaryMetric));
  const value = (metrics: Metrics | undefined, name: (typeof metricNames)[number]) => figure(metrics?.[name]);
  const headers = ['  TEST', 'MODEL', 'BASELINE', ...(champion ? [`CHAMPION (version ${champion.version})`] : [])];
  const rows = names.map((name) => [
    `  ${name}`,
    name === primaryMetric ? colors.bold(value(test, name)) : value(test, name),
    value(baseline, name),
    ...(champion ? [value(champion.metrics, name)] : []),
  ]);
  return ['', ...table(headers, rows)];
}

/** The beginnings of the digests that two trainings are compared by; `--json` has them whole. */
function weightsLine({ trained }: PipelineStatus): string[] {
  if (!trained) return [];
  const { seed, parametersDigest, trainingDigest } = trained;
  const of = trainingDigest === undefined ? '' : `, of data, code and configuration ${trainingDigest.slice(0, 12)}`;
  return ['', colors.dim(`  weights ${parametersDigest.slice(0, 12)}, seed ${seed}${of}`)];
}

export function linkLines({ temporal, mlflowRun, mlflowModel, inference }: RunLinks): string[] {
  const line = (label: string, address: string | undefined) => (address ? [`  ${label.padEnd(14)} ${colors.cyan(address)}`] : []);
  return [
    ...line('Temporal', temporal),
    ...line('MLflow run', mlflowRun),
    ...line('MLflow model', mlflowModel),
    ...line('Predictions', inference),
  ];
}
