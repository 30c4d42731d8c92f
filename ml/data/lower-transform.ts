import type { FittedFeature, FittedTransform, RawInput } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { elementTypes, type GraphBuilder } from '../graph/onnx-builder.js';
import { lowerCalendar } from './lower-calendar.js';

type Categorical = Extract<FittedFeature, { kind: 'categorical' }>;
type Calendar = Extract<FittedFeature, { kind: 'calendar' }>;
type Numeric = Extract<FittedFeature, { kind: 'numeric' }>;

/** Largest finite float32: what lies beyond it is clipped, so that no infinity reaches the network. */
export const float32Max = 3.4028234663852886e38;

/**
 * Write the preprocessing into a graph: declares the raw inputs and computes the model's two matrices from them.
 *
 * Exactly what `encodedColumns` says in SQL: index 0 for missing, rare and unknown categories; a float that is NaN
 * or infinite is missing. Deterministic, so equal transforms give equal nodes.
 *
 * @returns names of the values `categorical` int32 [N, C] and `numeric` float32 [N, F] in the columns of
 *   `transform.layout`; absent where there is no such feature
 * @throws AnnealError `InvalidModel` when a feature refers to an input that is not there
 */
export function lowerTransform(builder: GraphBuilder, transform: FittedTransform): { categorical?: string; numeric?: string } {
  const inputs = new Map<string, RawInput>();
  for (const input of transform.inputs) {
    builder.input(input.name, input.type, ['N', 1]);
    inputs.set(input.name, input);
  }
  const inputOf = (feature: FittedFeature): RawInput => {
    const input = inputs.get(feature.input);
    if (input) return input;
    throw new AnnealError(
      failureTypes.invalidModel,
      `Feature "${feature.name}" of the transform reads the input "${feature.input}", but the transform has the inputs ${[...inputs.keys()].join(', ')}. Run the pipeline again so that the transform is fitted anew.`,
    );
  };
  const indexed = transform.features.filter((feature) => feature.kind !== 'numeric');
  const numeric = transform.features.filter((feature) => feature.kind === 'numeric');
  return {
    ...(indexed.length > 0 ? { categorical: lowerIndices(builder, indexed, inputOf) } : {}),
    ...(numeric.length > 0 ? { numeric: lowerNumbers(builder, numeric, inputOf) } : {}),
  };
}

function lowerIndices(
  builder: GraphBuilder,
  features: readonly (Categorical | Calendar)[],
  inputOf: (feature: FittedFeature) => RawInput,
): string {
  const columns: string[] = [];
  /** `order[i]` is the position in `features` of column i as computed. */
  const order: number[] = [];
  const done = new Set<number>();
  features.forEach((feature, position) => {
    if (done.has(position)) return;
    if (feature.kind === 'categorical') {
      columns.push(lowerCategory(builder, feature, inputOf(feature))); // int64 [N, 1]
      order.push(position);
      return;
    }
    const group = features.flatMap((other, i) => (other.kind === 'calendar' && other.input === feature.input ? [i] : []));
    const parts = lowerCalendar(
      builder,
      inputOf(feature).name,
      group.map((i) => features[i] as Calendar),
    ); // int64 [N, parts]
    columns.push(parts.value);
    order.push(...parts.order.map((i) => group[i]));
    for (const i of group) done.add(i);
  });
  const joined = columns.length === 1 ? columns[0] : builder.node('Concat', columns, { axis: 1 }); // int64 [N, C]
  const isOrdered = order.every((position, i) => position === i);
  const arranged = isOrdered
    ? joined
    : builder.node(
        'Gather',
        [
          joined,
          builder.constant(
            'int64',
            features.map((_, position) => order.indexOf(position)),
          ),
        ],
        { axis: 1 },
      ); // int64 [N, C]
  return builder.node('Cast', [arranged], { to: elementTypes.int32 }); // int32 [N, C]
}

/** @returns name of an int64 [N, 1] value */
function lowerCategory(builder: GraphBuilder, feature: Categorical, input: RawInput): string {
  const indices = feature.vocabulary.map((_, i) => i + 1);
  if (input.type === 'string') return encodeLabels(builder, input.name, feature.vocabulary, indices);
  if (input.type === 'int64') return encodeIntegers(builder, input.name, feature.vocabulary, indices);
  // A float64 holds an integer that may be missing: NaN, fractions and what int64 cannot hold do not survive the way there and back.
  const integer = builder.node('Cast', [input.name], { to: elementTypes.int64 }); // int64 [N, 1]
  const back = builder.node('Cast', [integer], { to: elementTypes.float64 }); // float64 [N, 1]
  const isInteger = builder.node('Equal', [input.name, back]); // bool [N, 1]
  const index = encodeIntegers(builder, integer, feature.vocabulary, indices); // int64 [N, 1]
  return builder.node('Where', [isInteger, index, builder.scalar('int64', 0)]);
}

function encodeLabels(builder: GraphBuilder, value: string, labels: readonly string[], indices: readonly number[]): string {
  // ONNX has no empty attribute lists: "" is missing anyway.
  const isEmpty = labels.length === 0;
  return builder.mlNode('LabelEncoder', [value], {
    keys_strings: isEmpty ? [''] : labels,
    values_int64s: isEmpty ? [0] : indices,
    default_int64: 0,
  });
}

function encodeIntegers(builder: GraphBuilder, value: string, labels: readonly string[], indices: readonly number[]): string {
  const keys = labels.map(Number);
  // Attributes carry numbers of JavaScript; integers beyond 2^53 are matched by their text.
  if (!keys.every(Number.isSafeInteger))
    return encodeLabels(builder, builder.node('Cast', [value], { to: elementTypes.string }), labels, indices);
  const isEmpty = keys.length === 0;
  return builder.mlNode('LabelEncoder', [value], {
    keys_int64s: isEmpty ? [0] : keys,
    values_int64s: isEmpty ? [0] : indices,
    default_int64: 0,
  });
}

function lowerNumbers(builder: GraphBuilder, features: readonly Numeric[], inputOf: (feature: FittedFeature) => RawInput): string {
  const row = (values: readonly number[]) => builder.constant('float64', values, [1, values.length]);
  const columns = features.map((feature) => {
    const input = inputOf(feature);
    return input.type === 'float64' ? input.name : builder.node('Cast', [input.name], { to: elementTypes.float64 }); // float64 [N, 1]
  });
  const raw = columns.length === 1 ? columns[0] : builder.node('Concat', columns, { axis: 1 }); // float64 [N, V]
  // Integers that are not nullable cannot be missing, and need no test.
  const canMiss = features.some((feature) => inputOf(feature).type === 'float64');
  const isPresent = canMiss
    ? builder.node('Less', [builder.node('Abs', [raw]), builder.scalar('float64', Number.POSITIVE_INFINITY)]) // bool [N, V]
    : undefined;
  const filled = isPresent ? builder.node('Where', [isPresent, raw, row(features.map((feature) => feature.fill))]) : raw; // float64 [N, V]
  const centered = builder.node('Sub', [filled, row(features.map((feature) => feature.center))]); // float64 [N, V]
  const scaled = builder.node('Div', [centered, row(features.map((feature) => feature.scale))]); // float64 [N, V]
  const clipped = builder.node('Clip', [scaled, builder.scalar('float64', -float32Max), builder.scalar('float64', float32Max)]);
  const values = builder.node('Cast', [clipped], { to: elementTypes.float32 }); // float32 [N, V]

  const indicated = features.flatMap((feature, i) => (feature.missingIndicator ? [i] : []));
  if (indicated.length === 0) return values;
  const isMissing = isPresent
    ? builder.node('Not', [isPresent])
    : builder.node('Less', [raw, builder.scalar('float64', Number.NEGATIVE_INFINITY)]); // bool [N, V]
  const chosen =
    indicated.length === features.length
      ? isMissing
      : builder.node('Gather', [isMissing, builder.constant('int64', indicated)], { axis: 1 });
  const indicators = builder.node('Cast', [chosen], { to: elementTypes.float32 }); // float32 [N, indicators]
  return builder.node('Concat', [values, indicators], { axis: 1 }); // float32 [N, F]
}
