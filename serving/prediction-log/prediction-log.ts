import { type FileHandle, mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuardedInference } from '../anomaly/infer-guarded.js';
import type { Batch } from '../tensors.js';
import { LogEntryWriter, type Slab } from './log-entries.js';
import { type LoggedVersion, maxEntryBytes, type SegmentHeader, segmentFolders } from './logged-version.js';

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
export type LoggedAnswer = Pick<GuardedInference, 'outputs' | 'degraded' | 'replaced' | 'anomalous'>;

interface Waiting {
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

/** What is logged of one version. */
interface VersionLog {
  readonly of: LoggedVersion;
  readonly writer: LogEntryWriter;
  /** Positions of the columns that are logged; undefined: all of them. */
  readonly columns?: readonly number[];
  segment?: Segment;
}

const flushEveryMs = 200;
/** From so much on it is written at once. */
const flushFromBytes = 512 << 10;
/** Between two of these the event loop has its turn. */
const requestsAtOnce = 32;

/**
 * Writes what a serving process predicts into local files, which its supervisor takes away.
 *
 * `record` costs a request nothing but a place in a bounded queue: it never waits and never throws. Once the requests of a turn are
 * answered, their numbers are copied into memory that the system then writes out; to make anything else of them is for the supervisor.
 * What the queue cannot take, or the disk, is lost and counted. A process that is killed loses what has waited for less than a second.
 */
export class PredictionLog {
  readonly #options: Required<PredictionLogOptions>;
  readonly #versions = new Map<LoggedVersion, VersionLog>();
  #waiting: Waiting[] = [];
  /** Of requests that wait, as estimated, and of those that are copied and not written. */
  #waitingBytes = 0;
  #copiedBytes = 0;
  #isScheduled = false;
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
    if (this.#waitingBytes + this.#copiedBytes + bytes > maxWaitingBytes) return onLost(1);
    this.#waiting.push({ of, batch, answer, latencyMs, requestId, at: Date.now(), bytes });
    this.#waitingBytes += bytes;
    if (this.#isScheduled) return undefined;
    this.#isScheduled = true;
    setImmediate(this.#copySome);
    return undefined;
  }

  /** Write what waits and close the segments. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    this.#copy(this.#waiting.splice(0));
    this.#flush();
    await this.#writing;
    clearTimeout(this.#timer);
    await this.#closeSegments(() => true);
  }

  readonly #copySome = (): void => {
    this.#copy(this.#waiting.splice(0, requestsAtOnce));
    this.#isScheduled = this.#waiting.length > 0;
    if (this.#isScheduled) setImmediate(this.#copySome);
    if (this.#copiedBytes >= flushFromBytes) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), flushEveryMs).unref();
  };

  #copy(waiting: readonly Waiting[]): void {
    for (const { of, batch, answer, latencyMs, requestId, at, bytes } of waiting) {
      const { writer, columns } = this.#versionLog(of);
      const { outputs, degraded, replaced, anomalous } = answer;
      const marks = { r: requestId, t: at, l: latencyMs, d: degraded, replaced, anomalous };
      const logged = columns ? { rows: batch.rows, columns: columns.map((i) => batch.columns[i]) } : batch;
      const copied = writer.write({ marks, batch: logged, outputs }, maxEntryBytes);
      this.#waitingBytes -= bytes;
      this.#copiedBytes += copied;
      if (copied === 0) this.#options.onLost(1);
    }
  }

  #versionLog(of: LoggedVersion): VersionLog {
    let log = this.#versions.get(of);
    if (!log) {
      const { inputs } = of.manifest;
      const columns = inputs.flatMap(({ type }, i) => (type === 'uint8' ? [] : [i]));
      log = { of, writer: new LogEntryWriter(), ...(columns.length < inputs.length ? { columns } : {}) };
      this.#versions.set(of, log);
    }
    return log;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#copiedBytes >= flushFromBytes) this.#flush();
      // Without requests segments become due all the same; a version that has none is forgotten.
      else if (this.#versions.size > 0) this.#timer ??= setTimeout(() => this.#flush(), flushEveryMs).unref();
    });
  }

  async #write(): Promise<void> {
    for (const [of, log] of this.#versions) {
      const slabs = log.writer.take();
      if (slabs.length === 0 && !log.segment) this.#versions.delete(of);
      for (const slab of slabs) {
        await this.#append(log, slab).catch(() => this.#lose(log, slab.entries));
        // Only now: what is being written takes memory, too.
        this.#copiedBytes -= slab.bytes.length;
        log.writer.giveBack(slab);
      }
    }
    const { segmentBytes, segmentMs } = this.#options;
    await this.#closeSegments(({ bytes, openedAt }) => bytes >= segmentBytes || performance.now() - openedAt >= segmentMs);
  }

  async #append(log: VersionLog, { bytes, entries }: Slab): Promise<void> {
    const segment = (log.segment ??= await this.#open(log.of));
    if (!segment) return this.#options.onLost(entries);
    await segment.file.appendFile(bytes);
    segment.bytes += bytes.length;
    if (segment.bytes >= this.#options.segmentBytes) await this.#closeSegment(log);
    return undefined;
  }

  /** @returns undefined while nobody takes segments away */
  async #open({ model, version, manifest, hasPolicy }: LoggedVersion): Promise<Segment | undefined> {
    const { directory, maxClosed } = this.#options;
    const folders = Object.values(segmentFolders).map((folder) => mkdir(join(directory, folder), { recursive: true }));
    await Promise.all(folders);
    if ((await readdir(join(directory, segmentFolders.closed))).length >= maxClosed) return undefined;
    const { task, classes, quantiles, thresholds, inputs } = manifest;
    const header: SegmentHeader = {
      formatVersion: 2,
      model,
      version,
      manifest: { task, classes, ...(quantiles ? { quantiles } : {}), ...(thresholds ? { thresholds } : {}), inputs },
      ...(hasPolicy ? { hasPolicy } : {}),
    };
    const name = `${process.pid}-${Date.now()}-${this.#serial++}.log`;
    const file = await open(join(directory, segmentFolders.open, name), 'ax');
    await file.appendFile(`${JSON.stringify(header)}\n`);
    return { name, file, openedAt: performance.now(), bytes: 0 };
  }

  async #closeSegments(isDue: (segment: Segment) => boolean): Promise<void> {
    for (const log of this.#versions.values()) if (log.segment && isDue(log.segment)) await this.#closeSegment(log);
  }

  async #closeSegment(log: VersionLog): Promise<void> {
    const { segment } = log;
    if (!segment) return;
    log.segment = undefined;
    const { directory } = this.#options;
    await segment.file.close().catch(() => undefined);
    const from = join(directory, segmentFolders.open, segment.name);
    // One that cannot be renamed now is taken away when this process is gone.
    await rename(from, join(directory, segmentFolders.closed, segment.name)).catch(() => undefined);
  }

  /** A disk that is full; what is in the segment stays. */
  async #lose(log: VersionLog, requests: number): Promise<void> {
    this.#options.onLost(requests);
    await this.#closeSegment(log);
  }
}
