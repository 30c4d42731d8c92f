import { type FileHandle, mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import type { GuardedInference } from '../anomaly/infer-guarded.js';
import type { Batch, Column } from '../tensors.js';
import { firstLoggedOutput, type LoggedVersion, maxLineBytes, type SegmentHeader, segmentFolders } from './logged-version.js';

export interface PredictionLogOptions {
  /** Where segments are written; of this host alone. */
  readonly directory: string;
  /** What may wait to be written, in bytes as estimated. @default 8 MiB */
  readonly maxWaitingBytes?: number;
  /** A segment of this size, or age, is closed. @default 4 MiB, 30 seconds */
  readonly segmentBytes?: number;
  readonly segmentMs?: number;
  /** Closed segments that nobody has taken away; with more, nothing is written. @default 64 */
  readonly maxClosed?: number;
  /** Requests that were to be logged and are not. */
  readonly onLost?: (requests: number) => void;
}

/** What was sent back. */
export type LoggedAnswer = Pick<GuardedInference, 'outputs' | 'degraded' | 'replaced'>;

interface Entry {
  readonly of: LoggedVersion;
  readonly batch: Batch;
  readonly answer: LoggedAnswer;
  readonly latencyMs: number;
  readonly at: number;
  readonly requestId: string;
  readonly bytes: number;
}

interface Segment {
  readonly name: string;
  readonly file: FileHandle;
  readonly openedAt: number;
  bytes: number;
}

const flushEveryMs = 200;
/** In UTF-8, of a unit of JavaScript's text. */
const maxBytesOfUnit = 3;
/** Between two of these the event loop has its turn. */
const requestsAtOnce = 64;

/**
 * Writes what a serving process predicts into local files, which its supervisor takes away.
 *
 * `record` costs a request nothing but a place in a bounded queue: it never waits and never throws. What the queue cannot take, or
 * the disk, is lost and counted. A process that is killed loses what has waited for less than a second.
 */
export class PredictionLog {
  readonly #options: Required<PredictionLogOptions>;
  readonly #segments = new Map<string, Segment>();
  #waiting: Entry[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #serial = 0;

  constructor(options: PredictionLogOptions) {
    this.#options = {
      maxWaitingBytes: 8 << 20,
      segmentBytes: 4 << 20,
      segmentMs: 30_000,
      maxClosed: 64,
      onLost: () => undefined,
      ...options,
    };
  }

  /** @param requestId letters, digits and `._:-` */
  record(of: LoggedVersion, batch: Batch, answer: LoggedAnswer, latencyMs: number, requestId: string): void {
    const { maxWaitingBytes, onLost } = this.#options;
    const bytes = 100 + 16 * (batch.rows * (batch.columns.length + 2) + answer.outputs.values.length);
    if (this.#waitingBytes + bytes > maxWaitingBytes) return onLost(1);
    this.#waiting.push({ of, batch, answer, latencyMs, requestId, at: Date.now(), bytes });
    this.#waitingBytes += bytes;
    this.#timer ??= setTimeout(() => this.#flush(), flushEveryMs).unref();
    return undefined;
  }

  /** Write what waits and close the segments. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    this.#flush();
    await this.#writing;
    await this.#closeSegments(() => true);
  }

  #flush(): void {
    this.#timer = undefined;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      const isDue = this.#waiting.length > 0 || this.#segments.size > 0;
      if (isDue) this.#timer ??= setTimeout(() => this.#flush(), flushEveryMs).unref();
    });
  }

  async #write(): Promise<void> {
    const entries = this.#waiting;
    this.#waiting = [];
    for (const [key, own] of byVersion(entries)) {
      for (let from = 0; from < own.length; from += requestsAtOnce) {
        const some = own.slice(from, from + requestsAtOnce);
        await this.#append(key, some).catch(() => this.#lose(key, some.length));
        // Only now: what is being written takes memory, too.
        this.#waitingBytes -= some.reduce((sum, { bytes }) => sum + bytes, 0);
        await nextTurn();
      }
    }
    const { segmentBytes, segmentMs } = this.#options;
    await this.#closeSegments(({ bytes, openedAt }) => bytes >= segmentBytes || performance.now() - openedAt >= segmentMs);
  }

  async #append(key: string, entries: readonly Entry[]): Promise<void> {
    const segment = this.#segments.get(key) ?? (await this.#open(key, entries[0].of));
    if (!segment) return this.#options.onLost(entries.length);
    const lines = entries.map(lineOf);
    const written = lines.filter((line) => line.length * maxBytesOfUnit <= maxLineBytes || Buffer.byteLength(line) <= maxLineBytes);
    const bytes = Buffer.from(written.join(''));
    await segment.file.appendFile(bytes);
    segment.bytes += bytes.length;
    if (written.length < lines.length) this.#options.onLost(lines.length - written.length);
    return undefined;
  }

  /** @returns undefined while nobody takes segments away */
  async #open(key: string, { model, version, manifest }: LoggedVersion): Promise<Segment | undefined> {
    const { directory, maxClosed } = this.#options;
    const folders = Object.values(segmentFolders).map((folder) => mkdir(join(directory, folder), { recursive: true }));
    await Promise.all(folders);
    if ((await readdir(join(directory, segmentFolders.closed))).length >= maxClosed) return undefined;
    const { task, classes, quantiles, thresholds, inputs } = manifest;
    const header: SegmentHeader = {
      formatVersion: 1,
      model,
      version,
      manifest: { task, classes, ...(quantiles ? { quantiles } : {}), ...(thresholds ? { thresholds } : {}), inputs },
    };
    const name = `${process.pid}-${Date.now()}-${this.#serial++}.jsonl`;
    const file = await open(join(directory, segmentFolders.open, name), 'ax');
    const segment: Segment = { name, file, openedAt: performance.now(), bytes: 0 };
    this.#segments.set(key, segment);
    await file.appendFile(`${JSON.stringify(header)}\n`);
    return segment;
  }

  async #closeSegments(isDue: (segment: Segment) => boolean): Promise<void> {
    const { directory } = this.#options;
    for (const [key, segment] of this.#segments) {
      if (!isDue(segment)) continue;
      this.#segments.delete(key);
      await segment.file.close().catch(() => undefined);
      const from = join(directory, segmentFolders.open, segment.name);
      // One that cannot be renamed now is taken away when this process is gone.
      await rename(from, join(directory, segmentFolders.closed, segment.name)).catch(() => undefined);
    }
  }

  /** A disk that is full; what is in the segment stays. */
  async #lose(key: string, requests: number): Promise<void> {
    this.#options.onLost(requests);
    const failed = this.#segments.get(key);
    await this.#closeSegments((segment) => segment === failed);
  }
}

function byVersion(entries: readonly Entry[]): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.of.model, entry.of.version]);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return groups;
}

/** The JSON of a `SegmentLine`, written out column by column: objects and copies of columns would cost several times as much. */
function lineOf({ of, batch, answer, latencyMs, requestId, at }: Entry): string {
  const { values, classIndex, anomaly } = answer.outputs;
  const { rows } = batch;
  const width = values.length / rows;
  let line = `{"r":"${requestId}","t":${at},"l":${latencyMs.toFixed(3)},"n":${rows}`;
  if (classIndex) line += `,"c":[${classIndex.join(',')}]`;
  if (anomaly) line += `,"a":[${anomaly.join(',')}]`;
  if (answer.degraded) line += `,"d":${JSON.stringify(degradedRows(rows, answer))}`;
  of.manifest.inputs.forEach((input, i) => {
    if (input.type !== 'uint8') line += `,"i${i}":[${listOf(batch.columns[i])}]`;
  });
  for (let k = firstLoggedOutput(of.manifest); k < width; k++) {
    let list = '';
    for (let row = 0; row < rows; row++) list += row > 0 ? `,${values[row * width + k]}` : `${values[k]}`;
    line += `,"o${k}":[${list}]`;
  }
  return `${line}}\n`;
}

function degradedRows(rows: number, { degraded, replaced }: LoggedAnswer): (string | null)[] {
  return Array.from({ length: rows }, (_, row) => (!replaced || replaced.includes(row) ? degraded! : null));
}

function listOf(column: Column): string {
  let list = '';
  for (let row = 0; row < column.length; row++) {
    if (row > 0) list += ',';
    list += jsonOf(column[row]);
  }
  return list;
}

function jsonOf(value: Column[number]): string {
  if (typeof value === 'string') return value === '' ? 'null' : JSON.stringify(value);
  const isMissing = typeof value === 'bigint' ? value === missingTimestamp : !Number.isFinite(value);
  return isMissing ? 'null' : value.toString();
}
