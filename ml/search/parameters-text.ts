/** `learningRate 0.0021, hidden [128,64]`: the last part of each path and its value. Pure. */
export function parametersText(parameters: Readonly<Record<string, unknown>>): string {
  return Object.entries(parameters)
    .map(([path, value]) => `${path.split('.').pop()} ${typeof value === 'number' ? shortNumber(value) : JSON.stringify(value)}`)
    .join(', ');
}

/** Four significant digits. */
export function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/**
 * The same within a length: whole parameters, and how many there are beyond. Pure.
 *
 * @param limit characters
 */
export function parametersSummary(parameters: Readonly<Record<string, unknown>>, limit: number): string {
  const whole = parametersText(parameters);
  if (whole.length <= limit) return whole;
  const entries = Object.entries(parameters);
  for (let kept = entries.length - 1; kept > 0; kept--) {
    const text = `${parametersText(Object.fromEntries(entries.slice(0, kept)))} and ${entries.length - kept} more`;
    if (text.length <= limit) return text;
  }
  return `${entries.length} parameters`;
}
