import type {
  BatchRequest,
  BatchState,
  BatchStatus,
  BatchTotals,
  CarriedBatch,
  PlannedBatch,
  PredictedPartition,
} from '../../contracts/batch.js';

/** What a batch job knows of itself. Plain state, safe in a workflow. */
export class BatchRecord {
  private planned: PlannedBatch | undefined;
  private state: BatchState = 'running';
  private phase: BatchStatus['phase'] = 'plan';
  private done = 0;
  private predicted = 0;
  private rejected = 0;
  private reusedRows = 0;
  private reasons: Record<string, number> = {};
  private startedAtMs: number;
  private predictingSinceMs: number | undefined;
  private ending: Pick<BatchStatus, 'endedAtMs' | 'totals' | 'reason'> = {};

  constructor(
    private readonly request: BatchRequest,
    nowMs: number,
    carried?: CarriedBatch,
  ) {
    this.startedAtMs = carried?.startedAtMs ?? nowMs;
    if (!carried) return;
    this.plan(carried.planned, carried.predictingSinceMs);
    this.done = carried.next;
    this.predicted = carried.predicted;
    this.rejected = carried.rejected;
    this.reusedRows = carried.reusedRows;
    this.reasons = { ...carried.reasons };
  }

  plan(planned: PlannedBatch, nowMs: number): void {
    this.planned = planned;
    this.phase = 'predict';
    this.predictingSinceMs = nowMs;
  }

  add({ rows, rejected, reasons, reused }: PredictedPartition): void {
    this.done++;
    this.predicted += rows;
    this.rejected += rejected;
    if (reused) this.reusedRows += rows + rejected;
    for (const [reason, count] of Object.entries(reasons)) this.reasons[reason] = (this.reasons[reason] ?? 0) + count;
  }

  seal(): void {
    this.phase = 'seal';
  }

  complete(totals: BatchTotals, nowMs: number): void {
    this.state = 'completed';
    this.ending = { totals, endedAtMs: nowMs };
  }

  end(state: 'failed' | 'cancelled', reason: string, nowMs: number): void {
    this.state = state;
    this.ending = { reason, endedAtMs: nowMs };
  }

  /** Whether so many rows are rejected that the rest cannot bring the share below the limit. */
  rejects(): { readonly rows: number; readonly rejected: number; readonly reasons: Readonly<Record<string, number>> } | undefined {
    const rows = this.planned?.rows;
    return rows === undefined ? undefined : { rows, rejected: this.rejected, reasons: this.reasons };
  }

  /** @param next the partition to begin next; all before it are done */
  carry(next: number): CarriedBatch {
    return {
      planned: this.planned!,
      next,
      predicted: this.predicted,
      rejected: this.rejected,
      reusedRows: this.reusedRows,
      reasons: this.reasons,
      startedAtMs: this.startedAtMs,
      predictingSinceMs: this.predictingSinceMs!,
    };
  }

  status(): BatchStatus {
    const { planned } = this;
    const { model, job } = this.request;
    return {
      model,
      job,
      state: this.state,
      phase: this.phase,
      request: this.request,
      ...(planned ? { version: planned.version.version, modelDigest: planned.version.bundle.model.sha256 } : {}),
      partitions: { done: this.done, total: planned?.partitions ?? 0 },
      rows: {
        predicted: this.predicted,
        rejected: this.rejected,
        ...(planned?.rows === undefined ? {} : { total: planned.rows }),
      },
      reusedRows: this.reusedRows,
      reasons: this.reasons,
      startedAtMs: this.startedAtMs,
      ...(this.predictingSinceMs === undefined ? {} : { predictingSinceMs: this.predictingSinceMs }),
      ...this.ending,
    };
  }

  /** Markdown for the job's page in Temporal's UI. */
  details(nowMs: number): string {
    const { partitions, rows, version } = this.status();
    const seconds = (nowMs - (this.predictingSinceMs ?? nowMs)) / 1000;
    const here = this.predicted + this.rejected - this.reusedRows;
    const speed = seconds > 0 && here > 0 ? `, ${count(here / seconds)} rows/s` : '';
    const total = rows.total === undefined ? '' : ` of ${count(rows.total)}`;
    return [
      `**${this.request.model}${version === undefined ? '' : ` version ${version}`}** ${this.phase}: partition ${count(partitions.done)}/${count(partitions.total)}, ${count(rows.predicted)}${total} rows${speed}, ${count(rows.rejected)} rejected`,
      '',
      `\`${this.request.directory}\``,
    ].join('\n');
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
