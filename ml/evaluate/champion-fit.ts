import type { ModelInput } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';

/**
 * Whether the champion can be measured on the test rows of a new model.
 *
 * | champion against the new model | |
 * |---|---|
 * | another task, or other classes, or in another order | no |
 * | other quantiles | no |
 * | an input that the rows do not have | no |
 * | images of another size | no |
 * | an input of another type, other than integers now read as floats with gaps | no |
 * | otherwise, also with fewer inputs | yes |
 *
 * @param champion manifest of the champion
 * @param current manifest of the model that the test rows were prepared for
 * @returns why it cannot, or undefined
 */
export function championProblem(champion: ModelManifest, current: ModelManifest): string | undefined {
  if (champion.task !== current.task) return `it predicts a ${champion.task} target, this model a ${current.task} one`;
  if (champion.classes.join('\n') !== current.classes.join('\n')) {
    return `its classes are ${champion.classes.join(', ')}, those of this model are ${current.classes.join(', ')}`;
  }
  if (champion.quantiles && current.quantiles && champion.quantiles.join() !== current.quantiles.join())
    return `it predicts the quantiles ${champion.quantiles.join(', ')}, this model ${current.quantiles.join(', ')}`;
  const columns = new Map(current.inputs.map((input) => [input.name, input]));
  for (const input of champion.inputs) {
    const column = columns.get(input.name);
    if (!column) return `it needs the column "${input.name}", which this pipeline does not read`;
    if (!isReadable(column, input)) return `it reads the column "${input.name}" as ${input.type}, which is ${column.type} now`;
  }
  return undefined;
}

function isReadable(column: ModelInput, as: ModelInput): boolean {
  if (column.type === 'uint8' && as.type === 'uint8')
    return column.height === as.height && column.width === as.width && column.channels === as.channels;
  if (column.columnType !== as.columnType) return false;
  return column.type === as.type || (column.type === 'int64' && as.type === 'float64');
}
