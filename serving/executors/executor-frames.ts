import type { FromExecutor, ToExecutor } from './executor-messages.js';
import type { Batch, BatchOutputs, Column } from '../tensors.js';

/**
 * The messages between a serving process and an executor process as bytes, in the machine's own byte order: both are on it.
 *
 *     frame    u32 bytes of the frame, u32 kind, body, to a multiple of eight bytes
 *     run      u32 rows, u32 columns; of each column u32 type, u32 bytes; then the bytes of each column from a multiple of eight on
 *     strings  u32 [N] lengths in UTF-16 units, then the strings as one text of UTF-8
 *     outputs  u32 rows, u32 numbers a row, u32 has class indices, u32 has scores; then the values, indices, scores
 *     others   JSON
 *
 * Numbers are copied once, into a buffer that is kept from one frame to the next, and are used where they were received.
 */

const kinds = { json: 0, run: 1, outputs: 2 } as const;
const types = { float64: 0, int64: 1, uint8: 2, string: 3 } as const;

const headBytes = 8;
const keptBytes = 4 << 20;
const largestFrameBytes = 0xffff_fff8;

/** Bytes of a frame of which these are the first, at least four. */
export function frameBytes(first: Uint8Array): number {
  return first[0] + first[1] * 0x100 + first[2] * 0x1_0000 + first[3] * 0x100_0000;
}

/** Writes one frame after another into the same memory. What it gave is valid until it writes again. */
export class FrameWriter {
  #bytes = Buffer.alloc(0);
  #words = new Uint32Array(0);

  /** @throws Error for a batch of more than four gigabytes */
  write(message: ToExecutor | FromExecutor): Buffer {
    if (message.kind === 'run') return this.#run(message.batch);
    if (message.kind === 'outputs') return this.#outputs(message.outputs);
    const text = JSON.stringify(message);
    const textBytes = Buffer.byteLength(text);
    const frame = this.#begin(headBytes + 4 + textBytes, kinds.json);
    this.#words[2] = textBytes;
    this.#bytes.write(text, headBytes + 4, 'utf8');
    return frame;
  }

  #run({ rows, columns }: Batch): Buffer {
    const texts: string[] = [];
    let at = aligned(headBytes + 8 + 8 * columns.length);
    for (const column of columns) {
      if (Array.isArray(column)) {
        const text = column.length === 1 ? column[0] : column.join('');
        texts.push(text);
        at = aligned(at + 4 * column.length + Buffer.byteLength(text));
      } else at = aligned(at + column.byteLength);
    }
    const frame = this.#begin(at, kinds.run);
    const words = this.#words;
    words[2] = rows;
    words[3] = columns.length;
    at = aligned(headBytes + 8 + 8 * columns.length);
    let text = 0;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      words[4 + 2 * i] = typeOf(column);
      let sizeBytes: number;
      if (Array.isArray(column)) {
        for (let row = 0; row < column.length; row++) words[at / 4 + row] = column[row].length;
        const from = at + 4 * column.length;
        sizeBytes = 4 * column.length + this.#bytes.write(texts[text++], from, 'utf8');
      } else {
        sizeBytes = column.byteLength;
        this.#copy(column, at);
      }
      words[5 + 2 * i] = sizeBytes;
      at = aligned(at + sizeBytes);
    }
    return frame;
  }

  #outputs({ values, classIndex, anomaly }: BatchOutputs): Buffer {
    const parts = [values, classIndex, anomaly];
    let sizeBytes = headBytes + 12;
    for (const part of parts) if (part) sizeBytes += part.byteLength;
    const frame = this.#begin(sizeBytes, kinds.outputs);
    let at = headBytes + 12;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      // Zero for one that is not there, which no part that is there has.
      this.#words[2 + i] = part ? part.length : 0;
      if (!part) continue;
      this.#copy(part, at);
      at += part.byteLength;
    }
    return frame;
  }

  #begin(sizeBytes: number, kind: number): Buffer {
    const total = aligned(sizeBytes);
    if (total > largestFrameBytes) throw new Error('The batch is larger than an executor process takes: 4 GiB. Send fewer rows at once.');
    // What an unusually large batch took is given back with the next one.
    const isWasteful = this.#bytes.length > keptBytes && total <= keptBytes;
    if (total > this.#bytes.length || isWasteful) {
      // Of its own memory, not of Node's pool: numbers in it are aligned.
      const memory = new ArrayBuffer(Math.max(4096, 2 ** Math.ceil(Math.log2(total))));
      this.#bytes = Buffer.from(memory);
      this.#words = new Uint32Array(memory);
    }
    this.#words[0] = total;
    this.#words[1] = kind;
    return this.#bytes.subarray(0, total);
  }

  #copy(from: Exclude<Column, string[]> | Float32Array | Int32Array, at: number): void {
    this.#bytes.set(new Uint8Array(from.buffer, from.byteOffset, from.byteLength), at);
  }
}

/**
 * @param frame whole, at a multiple of eight bytes of its memory. Columns of numbers are views on it: they hold until it is
 *   overwritten
 */
export function readToExecutor(frame: Buffer): ToExecutor {
  const words = wordsOf(frame);
  if (words[1] !== kinds.run) return readJson(frame, words) as ToExecutor;
  const rows = words[2];
  const columns: Column[] = [];
  let at = aligned(headBytes + 8 + 8 * words[3]);
  for (let i = 0; i < words[3]; i++) {
    const sizeBytes = words[5 + 2 * i];
    columns.push(readColumn(frame, words[4 + 2 * i], at, sizeBytes, rows));
    at = aligned(at + sizeBytes);
  }
  return { kind: 'run', batch: { rows, columns } };
}

/** @param frame whole, wherever it lies; what is returned is a copy */
export function readFromExecutor(frame: Buffer): FromExecutor {
  const memory = frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length);
  const words = new Uint32Array(memory);
  if (words[1] !== kinds.outputs) return readJson(frame, words) as FromExecutor;
  let at = headBytes + 12;
  const values = new Float32Array(memory, at, words[2]); // [N · width]
  at += values.byteLength;
  const classIndex = words[3] > 0 ? new Int32Array(memory, at, words[3]) : undefined; // [N]
  if (classIndex) at += classIndex.byteLength;
  const anomaly = words[4] > 0 ? new Float32Array(memory, at, words[4]) : undefined; // [N]
  return { kind: 'outputs', outputs: { values, ...(classIndex ? { classIndex } : {}), ...(anomaly ? { anomaly } : {}) } };
}

function readColumn(frame: Buffer, type: number, at: number, sizeBytes: number, rows: number): Column {
  const from = frame.byteOffset + at;
  switch (type) {
    case types.float64:
      return new Float64Array(frame.buffer, from, sizeBytes / 8);
    case types.int64:
      return new BigInt64Array(frame.buffer, from, sizeBytes / 8);
    case types.uint8:
      return new Uint8Array(frame.buffer, from, sizeBytes);
    default: {
      const lengths = new Uint32Array(frame.buffer, from, rows);
      const text = frame.toString('utf8', at + 4 * rows, at + sizeBytes);
      if (rows === 1) return [text];
      let start = 0;
      return Array.from(lengths, (length) => text.slice(start, (start += length)));
    }
  }
}

function typeOf(column: Column): number {
  if (column instanceof Float64Array) return types.float64;
  if (column instanceof BigInt64Array) return types.int64;
  return Array.isArray(column) ? types.string : types.uint8;
}

function readJson(frame: Buffer, words: Uint32Array): unknown {
  return JSON.parse(frame.toString('utf8', headBytes + 4, headBytes + 4 + words[2]));
}

function wordsOf(frame: Buffer): Uint32Array {
  return new Uint32Array(frame.buffer, frame.byteOffset, frame.length / 4);
}

function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 8) * 8;
}
