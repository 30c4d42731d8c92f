/**
 * JSON with the keys of every object in one fixed order, so that equal values give equal bytes.
 *
 * Otherwise it is `JSON.stringify`: `undefined` members are left out, `toJSON` is obeyed, and NaN and the infinities become null.
 *
 * @throws TypeError for what JSON cannot hold at all: a cycle, a bigint, `undefined` or a function at the top
 */
export function canonicalJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
  if (text === undefined)
    throw new TypeError(`A ${typeof value} has no JSON form: give an object, an array, a string, a number, a boolean or null.`);
  return text;
}
