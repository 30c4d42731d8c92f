import type { Readable } from 'node:stream';

const maxLines = 20;
const maxCharacters = 4000;

/** Remembers the last lines that a process wrote, for the day when they explain how it ended. */
export class OutputTail {
  #text = '';

  constructor(...streams: readonly Readable[]) {
    for (const stream of streams) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        this.#text = (this.#text + chunk).slice(-maxCharacters);
      });
    }
  }

  clear(): void {
    this.#text = '';
  }

  /** @returns at most 20 lines, oldest first */
  text(): string {
    return this.#text.trim().split('\n').slice(-maxLines).join('\n');
  }
}
