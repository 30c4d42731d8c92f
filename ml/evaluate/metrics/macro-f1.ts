/**
 * Unweighted mean of the F1 of each class that occurs among the labels or the predictions.
 *
 * @param confusion `confusion[actual][predicted]`, rows
 */
export function macroF1(confusion: readonly (readonly number[])[]): number {
  let total = 0;
  let classes = 0;
  confusion.forEach((row, k) => {
    const actual = row.reduce((sum, count) => sum + count, 0);
    const predicted = confusion.reduce((sum, other) => sum + other[k], 0);
    if (actual + predicted === 0) return;
    classes++;
    total += (2 * row[k]) / (actual + predicted);
  });
  return total / classes;
}
