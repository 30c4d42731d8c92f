/** Beyond it, zeros in place of digits say less than an exponent. */
const mostPlain = 1e9;

/**
 * A metric or a loss for people: at most four significant digits, and below 1 four decimals, so that shares stand below each other.
 *
 * @param absent what stands for a value that is not there
 * @returns `0.7652`, `0.0001234`, `12.35`, `123500`, `1.001e+25`
 */
export function figure(value: number | null | undefined, absent = '–'): string {
  if (value === undefined || value === null) return absent;
  const size = Math.abs(value);
  if (size === 0 || (size >= 0.001 && size < 1)) return value.toFixed(4);
  const digits = value.toPrecision(4);
  return size >= 1000 && size < mostPlain ? String(Number(digits)) : digits;
}
