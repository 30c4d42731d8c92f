/**
 * Count rows by actual and predicted class.
 *
 * @param predicted index of the class, shape [N]
 * @param labels index of the class, shape [N]
 * @returns `confusion[actual][predicted]`, shape [classes, classes]
 */
export function confusionMatrix(predicted: Int32Array, labels: Float32Array, classes: number): number[][] {
  const counts = new Float64Array(classes * classes);
  for (let row = 0; row < labels.length; row++) counts[labels[row] * classes + predicted[row]]++;
  return Array.from({ length: classes }, (_, actual) => [...counts.subarray(actual * classes, (actual + 1) * classes)]);
}
