import type { Readable } from 'node:stream';

const maxLines = 20;
const maxCharacters = 4000;
/** Kept of what was written: the frames of native code that are left out may be longer than all else. */
const maxRemembered = 16_000;

/** What Node.js writes of native code when it ends a process; it names functions of Node.js and V8 alone, whoever made the mistake. */
const nativeFrame = /^ *(?:\d+: 0x[\da-f]+ .*|-+ Native stack trace -+)$/;

/** What memory ran out: V8's heap, which has a limit of its own, or that of the machine. */
export type Shortage = 'heap' | 'machine';

/** As V8 and C++ end a process for it, before a trace that may be longer than the tail. */
const shortageWords: readonly (readonly [RegExp, Shortage])[] = [
  [/JavaScript heap out of memory/, 'heap'],
  [/std::bad_alloc/, 'machine'],
];

/** Remembers the last lines that a process wrote, for the day when they explain how it ended. */
export class OutputTail {
  #text = '';
  #shortage: Shortage | undefined;

  constructor(...streams: readonly Readable[]) {
    for (const stream of streams) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        const text = this.#text + chunk;
        this.#shortage ??= shortageWords.find(([words]) => words.test(text))?.[1];
        this.#text = text.slice(-maxRemembered);
      });
    }
  }

  clear(): void {
    this.#text = '';
    this.#shortage = undefined;
  }

  /** What ran out by the words of the process itself; the kernel, which may end it for a shortage, lets it say nothing. */
  get shortage(): Shortage | undefined {
    return this.#shortage;
  }

  /** @returns at most 20 lines, oldest first, without empty ones and the frames of native code */
  text(): string {
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '' && !nativeFrame.test(line));
    return lines.slice(-maxLines).join('\n').slice(-maxCharacters).trim();
  }
}
