import { similarName } from '../../contracts/pipeline/similar-name.js';

/**
 * What to say of a name that a request brought and nothing bears. What was sent is not repeated: it may be a value in the wrong place.
 *
 * @param place of the name, e.g. `Tensor 0 of "inputs"`
 * @param what bears such names, in the plural
 * @returns `Tensor 0 of "inputs" has a name that none of the model's inputs bears. Did you mean "origin"? They are: …`
 */
export function unknownName(place: string, what: 'inputs' | 'outputs', given: string, known: readonly string[]): string {
  const meant = similarName(given.slice(0, 128), known);
  const advice = meant === undefined ? '' : ` Did you mean ${JSON.stringify(meant)}?`;
  return `${place} has a name that none of the model's ${what} bears.${advice} They are: ${known.join(', ')}.`;
}
