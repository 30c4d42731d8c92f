/** More letters in another place are another word. */
const mostEdits = 2;

/**
 * The name that was probably meant: that with the fewest letters to change, put in or leave out, of which there are at most two
 * and fewer than half. Pure.
 */
export function similarName(given: string, names: readonly string[]): string | undefined {
  const near = names
    .filter((name) => Math.abs(name.length - given.length) <= mostEdits)
    .map((name) => ({ name, edits: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, edits }) => edits <= mostEdits && edits * 2 < Math.max(given.length, name.length))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.name;
}

/** Levenshtein 1966. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
