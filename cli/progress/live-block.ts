import type { WriteStream } from 'node:tty';
import { visibleLength } from '../output.js';

/** A block of lines at the end of the terminal that is drawn over itself. */
export class LiveBlock {
  #height = 0;

  constructor(private readonly terminal: WriteStream) {}

  /** @param above lines that stay, before the block */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    // A block that is higher than the screen could not be drawn over: what is above has scrolled away.
    const shown = lines.slice(0, Math.max(1, (this.terminal.rows || 24) - 1)).map((line) => fit(line, this.terminal.columns || 80));
    const up = this.#height > 0 ? `\u001b[${this.#height}A` : '';
    this.terminal.write(`${up}\r\u001b[0J${[...above, ...shown].join('\n')}\n`);
    this.#height = shown.length;
  }

  /** Leave what is drawn and go on below it. */
  end(): void {
    this.#height = 0;
  }
}

/** Cut a line to the width of the terminal; colour codes have no width. */
export function fit(line: string, columns: number): string {
  if (visibleLength(line) < columns) return line;
  let visible = 0;
  let cut = '';
  // eslint-disable-next-line no-control-regex -- colour codes begin with the escape character
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith('\u001b')) cut += part;
    else {
      const taken = part.slice(0, Math.max(0, columns - 2 - visible));
      visible += taken.length;
      cut += taken;
    }
  }
  return `${cut}…`;
}
