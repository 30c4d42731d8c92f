import colors from 'picocolors';

/** One JSON object on stdout, nothing else. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** For people, beside a result on stdout that a script may read. */
export function printNote(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Columns, aligned, with two spaces between them.
 *
 * @param rows cells of each row, as many as `headers`; colour codes count as no width
 */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = headers.map((header, column) => Math.max(header.length, ...rows.map((row) => visibleLength(row[column]))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell + ' '.repeat(widths[column] - visibleLength(cell))))
      .join('  ')
      .trimEnd();
  return [colors.dim(line(headers)), ...rows.map(line)];
}

export function visibleLength(text: string): number {
  // eslint-disable-next-line no-control-regex -- colour codes begin with the escape character
  return text.replace(/\u001b\[[0-9;]*m/g, '').length;
}

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `850 ms`, `4.2 s`, `3 min 05 s`, `2 h 03 min`; 0 for the time between two readings of a clock that went back. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(Math.max(0, milliseconds))} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** `2026-11-23 21:45:00`, UTC */
export function timestamp(at: Date | number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}
