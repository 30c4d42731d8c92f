/** @param confusion `confusion[actual][predicted]`, rows */
export function accuracy(confusion: readonly (readonly number[])[]): number {
  let right = 0;
  let rows = 0;
  confusion.forEach((predicted, actual) =>
    predicted.forEach((count, k) => {
      rows += count;
      if (k === actual) right += count;
    }),
  );
  return right / rows;
}
