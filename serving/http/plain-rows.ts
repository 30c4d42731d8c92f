import { isAscii } from 'node:buffer';
import type { RawInput } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';
import { integerColumn, refused, toCell } from '../../ml/data/read/raw-tensors.js';
import type { Batch, Column } from '../tensors.js';

const nothing = Buffer.alloc(0);
const readers = new WeakMap<ModelManifest, PlainRowsReader>();

/** `PlainRowsReader.read` for the rows of a version; of one with images it takes nothing. */
export function readPlainRows(manifest: ModelManifest, body: Buffer, maxRows: number): Batch | undefined {
  let reader = readers.get(manifest);
  if (!reader) {
    const inputs = manifest.inputs.filter((input): input is RawInput => input.type !== 'uint8');
    if (inputs.length < manifest.inputs.length) return undefined;
    readers.set(manifest, (reader = new PlainRowsReader(inputs)));
  }
  return reader.read(body, maxRows);
}

/**
 * Reads `{"instances": [{"<column>": <value>, …}, …]}` from its bytes into columns, without an object for each row.
 *
 * It takes what most requests are: ASCII without escapes, nothing beside the rows, and in them no arrays or objects, only values that their
 * columns take. Of anything else it says nothing: then `JSON.parse` and `rowsToColumns` have to, which take all of JSON, and know the words
 * for what is wrong. What it does take, it reads as they do.
 */
export class PlainRowsReader {
  readonly #inputs: readonly RawInput[];
  /** Of each input, with its quotes. */
  readonly #names: readonly Uint8Array[];
  readonly #positions: ReadonlyMap<string, number>;
  /** Which input the first, second, … key of a row named last: rows, and requests, repeat their order. */
  readonly #order: number[] = [];
  /** What was read of each input that is a number, NaN where it is missing; kept, so that memory for it is there. */
  readonly #numbers: readonly number[][];
  /** Of each input that is a string; new for each request, whose column it becomes. */
  #strings: readonly string[][] = [];
  /** The row in which a value of each input was read last, counted from the first one of all requests. */
  readonly #filled: number[];
  #row = 0;
  #bytes: Buffer = nothing;
  #text = '';
  #at = 0;

  /** @param inputs of a model without images */
  constructor(inputs: readonly RawInput[]) {
    this.#inputs = inputs;
    this.#names = inputs.map(({ name }) => Buffer.from(JSON.stringify(name)));
    this.#positions = new Map(inputs.map(({ name }, position) => [name, position]));
    this.#numbers = inputs.map(() => []);
    this.#filled = inputs.map(() => 0);
  }

  /**
   * @param maxRows more are not taken
   * @returns undefined for a body that is none of those above, or is wrong
   */
  read(body: Buffer, maxRows: number): Batch | undefined {
    if (!isAscii(body)) return undefined;
    this.#bytes = body;
    this.#text = body.toString('latin1');
    this.#at = 0;
    this.#strings = this.#inputs.map(() => []);
    const rows = this.#rows(Math.min(maxRows, mostRows));
    this.#bytes = nothing;
    this.#text = '';
    return rows === 0 ? undefined : { rows, columns: this.#inputs.map((input, position) => this.#column(input.type, position, rows)) };
  }

  #column(type: RawInput['type'], position: number, rows: number): Column {
    if (type === 'string') return this.#strings[position];
    const numbers = this.#numbers[position];
    if (type === 'int64') return integerColumn(numbers, rows);
    const column = new Float64Array(rows);
    for (let row = 0; row < rows; row++) column[row] = numbers[row];
    return column;
  }

  /** @returns how many there are; 0 for what is not taken */
  #rows(most: number): number {
    if (!this.#takes(openBrace) || this.#next() !== quote || !this.#takesText(instances)) return 0;
    if (!this.#takes(colon) || !this.#takes(openBracket)) return 0;
    let rows = 0;
    do {
      if (rows === most || !this.#readRow(rows++)) return 0;
    } while (this.#takes(comma));
    return this.#takes(closeBracket) && this.#takes(closeBrace) && this.#next() === undefined ? rows : 0;
  }

  /** @returns false for what is not taken */
  #readRow(row: number): boolean {
    this.#row++;
    if (!this.#takes(openBrace)) return false;
    if (!this.#takes(closeBrace)) {
      let key = 0;
      do {
        const position = this.#key(key++);
        if (position === undefined || !this.#takes(colon)) return false;
        const value = this.#value();
        if (value === strange) return false;
        // Of a key that is there twice the last value counts.
        if (position !== none && !this.#put(position, row, value)) return false;
      } while (this.#takes(comma));
      if (!this.#takes(closeBrace)) return false;
    }
    for (let position = 0; position < this.#filled.length; position++)
      if (this.#filled[position] !== this.#row && !this.#put(position, row, undefined)) return false;
    return true;
  }

  #put(position: number, row: number, value: unknown): boolean {
    const input = this.#inputs[position];
    const cell = toCell(input, value);
    if (cell === refused) return false;
    if (input.type === 'string') this.#strings[position][row] = (cell ?? '') as string;
    else this.#numbers[position][row] = (cell ?? Number.NaN) as number;
    this.#filled[position] = this.#row;
    return true;
  }

  /** @returns which input the next key names, or `none`; undefined: it is no key, or not a plain one */
  #key(index: number): number | undefined {
    const byte = this.#next();
    const expected = this.#order[index];
    if (expected !== undefined && this.#takesText(this.#names[expected])) return expected;
    const name = byte === quote ? this.#string() : strange;
    if (name === strange) return undefined;
    const position = this.#positions.get(name) ?? none;
    if (position !== none && index < mostKeys) this.#order[index] = position;
    return position;
  }

  #value(): string | number | boolean | null | typeof strange {
    const byte = this.#next();
    if (byte === quote) return this.#string();
    if (byte === minus || isDigit(byte)) return this.#number();
    if (this.#takesText(nullText)) return null;
    if (this.#takesText(trueText)) return true;
    return this.#takesText(falseText) ? false : strange;
  }

  /** From its quote on. */
  #string(): string | typeof strange {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let at = from;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) if (!(byte >= space) || byte === backslash) return strange;
    this.#at = at + 1;
    return this.#text.slice(from, at);
  }

  /** From its sign or first digit on. */
  #number(): number | typeof strange {
    const bytes = this.#bytes;
    const from = this.#at;
    const first = bytes[from] === minus ? from + 1 : from;
    let at = first;
    let digits = 0;
    for (; isDigit(bytes[at]); at++) digits = 10 * digits + (bytes[at] - zero);
    if (at === first || (bytes[first] === zero && at > first + 1)) return strange;
    let decimals = 0;
    if (bytes[at] === point) {
      const start = ++at;
      for (; isDigit(bytes[at]); at++) digits = 10 * digits + (bytes[at] - zero);
      decimals = at - start;
      if (decimals === 0) return strange;
    }
    if (bytes[at] === lowerE || bytes[at] === upperE) return strange;
    this.#at = at;
    if (at - first > exactDigits) return Number(this.#text.slice(from, at));
    // Both are exact, and their quotient is rounded once, as IEEE 754 wants of a decimal number.
    const value = decimals === 0 ? digits : digits / powers[decimals];
    return first > from ? -value : value;
  }

  /** Pass white space. @returns the byte behind it; none at the end, which is less than none of any kind */
  #next(): number | undefined {
    const bytes = this.#bytes;
    let byte = bytes[this.#at];
    while (byte <= space && isSpace(byte)) byte = bytes[++this.#at];
    return byte;
  }

  #takes(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte && this.#next() !== byte) return false;
    this.#at++;
    return true;
  }

  #takesText(text: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
    this.#at = at + text.length;
    return true;
  }
}

/** Memory is kept for so many; where there are more, the way that they go is the least of what they take. */
const mostRows = 1024;
/** Whose places in a row are remembered. */
const mostKeys = 1024;
/** What is not taken. */
const strange = Symbol('strange');
/** The position of a key that is no input. */
const none = -1;
/** A point among them counts as one. */
const exactDigits = 15;
const powers = Array.from({ length: exactDigits }, (_, n) => 10 ** n);

const [openBrace, closeBrace, openBracket, closeBracket, comma, colon, quote, backslash, minus, point, zero, nine, lowerE, upperE, space] =
  Buffer.from('{}[],:"\\-.09eE ');
const [instances, nullText, trueText, falseText] = ['"instances"', 'null', 'true', 'false'].map((text) => Buffer.from(text));

function isDigit(byte: number | undefined): boolean {
  return byte! >= zero && byte! <= nine;
}

function isSpace(byte: number): boolean {
  return byte === space || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
