/** A value as TypeScript writes it, on one line. Pure. */
export function inline(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{ ${entries.map(([key, item]) => `${propertyName(key)}: ${inline(item)}`).join(', ')} }`;
  }
  return String(value);
}

/** The name of a property, quoted where it has to be. Pure. */
export function propertyName(key: string): string {
  // In an object literal, plain or quoted, this name sets the prototype instead.
  if (key === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

/** A string literal; names of columns come from outside, and it holds whatever they are. Pure. */
export function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
