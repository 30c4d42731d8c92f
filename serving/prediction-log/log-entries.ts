import type { Degradation } from '../../contracts/serving.js';
import { frameBytes, FrameWriter, readFromExecutor, readToExecutor } from '../executors/executor-frames.js';
import type { Batch, BatchOutputs } from '../tensors.js';

/**
 * Requests as bytes, one after the other, in the machine's own byte order: who reads them is on it. JSON took the thread that
 * serves six times as long.
 *
 *     entry    u32 bytes of the entry, u32 bytes of its JSON, JSON of `EntryMarks` in ASCII, to a multiple of eight bytes;
 *              then the frame of its batch, without images, and that of its outputs, as executors get and give them
 */

/** What stands of a request beside its rows. */
export interface EntryMarks {
  /** Id of the request. */
  readonly r: string;
  /** When it was answered, milliseconds since 1970. */
  readonly t: number;
  /** Milliseconds from its submission to its answer. */
  readonly l: number;
  /** What answered where the version did not: these rows, or all. */
  readonly d?: Degradation;
  readonly replaced?: readonly number[];
  /** Of a version whose pipeline has a policy for them: rows that it takes for anomalous. */
  readonly anomalous?: readonly number[];
}

export interface LogEntry {
  readonly marks: EntryMarks;
  /** Without images. */
  readonly batch: Batch;
  readonly outputs: BatchOutputs;
}

/** Bytes of some entries. */
export interface Slab {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly entries: number;
}

const slabBytes = 256 << 10;
/** Memory that was written out and is used again. */
const keptSlabs = 2;

/** Collects entries in memory that is used again. */
export class LogEntryWriter {
  readonly #frames = new FrameWriter();
  readonly #free: Buffer<ArrayBuffer>[] = [];
  #full: Slab[] = [];
  #memory: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #used = 0;
  #entries = 0;

  /** @returns its bytes; 0: it is larger than `maxBytes`, and was left out */
  write({ marks, batch, outputs }: LogEntry, maxBytes: number): number {
    const json = textOf(marks);
    const rows = this.#frames.write({ kind: 'run', batch });
    const headBytes = aligned(8 + json.length);
    const outputsAt = headBytes + rows.length;
    // An upper bound: what of the outputs is not there takes no place.
    const most = outputsAt + 40 + 4 * outputs.values.length + 8 * batch.rows;
    if (most > maxBytes) return 0;
    this.#reserve(most);
    const start = this.#used;
    const memory = this.#memory;
    memory.write(json, start + 8, json.length, 'latin1');
    memory.fill(0x20, start + 8 + json.length, start + headBytes);
    // Each frame is copied before the writer writes the next one into the same memory.
    memory.set(rows, start + headBytes);
    const answered = this.#frames.write({ kind: 'outputs', outputs });
    memory.set(answered, start + outputsAt);
    const bytes = outputsAt + answered.length;
    memory.writeUInt32LE(bytes, start);
    memory.writeUInt32LE(json.length, start + 4);
    this.#used += bytes;
    this.#entries++;
    return bytes;
  }

  /** @returns what was written since the last time */
  take(): readonly Slab[] {
    this.#seal();
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  /** What `take` gave is not read any more. */
  giveBack({ bytes }: Slab): void {
    const memory = Buffer.from(bytes.buffer);
    if (memory.length === slabBytes && this.#free.length < keptSlabs) this.#free.push(memory);
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#memory.length) return;
    this.#seal();
    // Of its own memory, not of Node's pool: it is given back as a whole.
    this.#memory = (bytes <= slabBytes ? this.#free.pop() : undefined) ?? Buffer.from(new ArrayBuffer(Math.max(slabBytes, bytes)));
  }

  #seal(): void {
    if (this.#entries > 0) this.#full.push({ bytes: this.#memory.subarray(0, this.#used), entries: this.#entries });
    this.#memory = Buffer.alloc(0);
    this.#used = 0;
    this.#entries = 0;
  }
}

/** An id holds nothing that JSON would have to escape. */
function textOf({ r, t, l, d, replaced, anomalous }: EntryMarks): string {
  let text = `{"r":"${r}","t":${t},"l":${l.toFixed(3)}`;
  if (d !== undefined) text += `,"d":"${d}"`;
  if (replaced) text += `,"replaced":[${replaced.join(',')}]`;
  if (anomalous) text += `,"anomalous":[${anomalous.join(',')}]`;
  return `${text}}`;
}

/** @param bytes entries, of which the last one may have been cut off; that one is passed over */
export function* readEntries(bytes: Uint8Array): Generator<LogEntry> {
  // Numbers are read where they lie, which must be a multiple of their size.
  const memory = Buffer.from(new ArrayBuffer(bytes.length));
  memory.set(bytes);
  for (let at = 0; at + 8 <= memory.length;) {
    const entryBytes = memory.readUInt32LE(at);
    if (entryBytes < 24 || at + entryBytes > memory.length) return;
    const jsonBytes = memory.readUInt32LE(at + 4);
    const marks = JSON.parse(memory.toString('latin1', at + 8, at + 8 + jsonBytes)) as EntryMarks;
    const rowsAt = at + aligned(8 + jsonBytes);
    const rowsFrame = memory.subarray(rowsAt, rowsAt + frameBytes(memory.subarray(rowsAt, rowsAt + 4)));
    const rows = readToExecutor(rowsFrame);
    const answered = readFromExecutor(memory.subarray(rowsAt + rowsFrame.length, at + entryBytes));
    if (rows.kind === 'run' && answered.kind === 'outputs') yield { marks, batch: rows.batch, outputs: answered.outputs };
    at += entryBytes;
  }
}

function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 8) * 8;
}
