/** `12,345` */
export function count(rows: number): string {
  return rows.toLocaleString('en-US');
}

/** `12.3 %`, `0.05 %`, `< 0.01 %`; an en dash where there are no rows to have a share of. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–';
  const value = (100 * part) / whole;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.01) return '< 0.01 %';
  if (value > 99.99) return '> 99.99 %';
  return `${value >= 10 ? value.toFixed(1) : value.toPrecision(value < 1 ? 1 : 2)} %`;
}

/** At most six digits; very large and very small numbers by powers of ten. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e12 || size < 1e-4)
    return value
      .toExponential(3)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  if (Number.isInteger(value)) return count(value);
  return Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: size >= 1000 ? 1 : 8 });
}

/** A time in UTC, as exact as the span that it is shown in needs; without one, to the second. */
export function time(milliseconds: number, spanMs?: number): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return figure(milliseconds);
  const text = date.toISOString().replace(/^\+/, '').replace('T', ' ');
  if (spanMs === undefined) return text.replace(/(\.\d+)?Z$/, '');
  const day = 86_400_000;
  const length = spanMs > 3 * day ? 10 : spanMs > 3_600_000 ? 16 : 19;
  return text.slice(0, text.indexOf(' ') + 1 + (length - 11)).trim();
}

/** `1.5 kB` */
export function size(bytes: number): string {
  if (Math.round(bytes) < 1000) return `${Math.round(bytes)} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  // Three digits of 999,900 are those of a million.
  const power = Math.min(units.length, Math.floor(Math.log10(Number(bytes.toPrecision(3))) / 3));
  return `${(bytes / 1000 ** power).toPrecision(3)} ${units[power - 1]}`;
}
