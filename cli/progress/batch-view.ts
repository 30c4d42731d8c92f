import colors from 'picocolors';
import type { BatchStatus, PartitionProgress } from '../../contracts/batch.js';
import { reasonsText } from '../../ml/batch/reject-limit.js';
import { size } from '../../ml/data/report/format-figure.js';
import { count, duration } from '../output.js';

/** `predict: partition 7/12, 1,750,000 of 3,000,000 rows, 612,000 rows/s, ETA 2.1 s` @param underWay partitions that are not done */
export function batchProgressText(status: BatchStatus, underWay: readonly PartitionProgress[], nowMs: number): string {
  const { phase, partitions, rows, reusedRows, predictingSinceMs } = status;
  if (phase === 'plan') return 'plan: the files and their columns';
  if (phase === 'seal') return 'verify the parts and write the manifest';
  const ended = rows.predicted + rows.rejected;
  const done = ended + sum(underWay, ({ rows: predicted }) => predicted);
  const total = rows.total ?? totalOf(ended, partitions.total - partitions.done, underWay);
  const reading = underWay.filter(({ readBytes }) => readBytes !== undefined);
  const seconds = (nowMs - (predictingSinceMs ?? nowMs)) / 1000;
  const speed = seconds > 0 ? (done - reusedRows) / seconds : 0;
  return [
    `predict: partition ${count(partitions.done)}/${count(partitions.total)}`,
    `${count(done)}${total === undefined ? '' : ` of ${count(total)}`} rows`,
    ...(reading.length > 0
      ? [`reading ${megabytes(sum(reading, (each) => each.readBytes))} of ${megabytes(sum(reading, (each) => each.sizeBytes))} MB`]
      : []),
    ...(speed > 0 ? [`${count(speed)} rows/s`] : []),
    ...(speed > 0 && total !== undefined ? [`ETA ${duration((1000 * Math.max(0, total - done)) / speed)}`] : []),
    ...(rows.rejected > 0 ? [colors.yellow(`${count(rows.rejected)} rejected`)] : []),
  ].join(', ');
}

/** What files say only as they are read is known once the last ones are. */
function totalOf(ended: number, left: number, underWay: readonly PartitionProgress[]): number | undefined {
  if (underWay.length < left || underWay.some(({ totalRows }) => totalRows === undefined)) return undefined;
  return ended + sum(underWay, ({ totalRows }) => totalRows);
}

function sum<T>(all: readonly T[], of: (each: T) => number | undefined): number {
  return all.reduce((total, each) => total + (of(each) ?? 0), 0);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}

/** A job as it is, or was at its end, for people. */
export function batchResultView(
  status: BatchStatus,
  page: string,
  nowMs: number = Date.now(),
  underWay: readonly PartitionProgress[] = [],
): string[] {
  const { model, job, version, state, rows, reasons, totals, request, reason } = status;
  const took = (status.endedAtMs ?? nowMs) - status.startedAtMs;
  const speed = totals && took > 0 ? `, ${count((1000 * (totals.rows - status.reusedRows)) / took)} rows/s` : '';
  const line = (label: string, text: string) => `  ${label.padEnd(14)} ${text}`;
  return [
    `${stateText(state)}  ${colors.bold(model)}${version === undefined ? '' : ` version ${version}`}  ${colors.dim(`job ${job}, ${duration(took)}`)}`,
    ...(reason === undefined ? [] : [`  ${reason}`]),
    ...(state === 'running' ? [`  ${batchProgressText(status, underWay, nowMs)}`] : []),
    line(
      'Predicted',
      `${count(rows.predicted)} rows${totals ? ` in ${count(totals.parts)} ${totals.parts === 1 ? 'part' : 'parts'}, ${size(totals.sizeBytes)}${speed}` : ''}`,
    ),
    ...(rows.rejected > 0 ? [line('Rejected', `${count(rows.rejected)} rows: ${reasonsText(reasons)}`)] : []),
    line('Output', colors.cyan(request.directory)),
    line('Temporal', colors.cyan(page)),
  ];
}

function stateText(state: BatchStatus['state']): string {
  switch (state) {
    case 'completed':
      return colors.green('completed');
    case 'running':
      return colors.cyan('running');
    case 'cancelled':
      return colors.yellow('cancelled');
    case 'failed':
      return colors.red('failed');
  }
}
