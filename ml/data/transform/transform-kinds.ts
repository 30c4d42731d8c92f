import type { FeatureLayout, FittedFeature, FittedTransform, RawInput } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { calendarKind } from './calendar.js';
import { categoricalKind } from './categorical.js';
import { hashingKind } from './hashing.js';
import { numericKind } from './numeric.js';
import { targetEncodingKind } from './target-encoding.js';
import { textKind } from './text.js';
import type { InputOf, LoweredColumns, NumberSql, TransformKind } from './transform-kind.js';

/** Every kind; the float matrix has their columns in this order, the index matrix in the order of the features. */
const transformKinds: { readonly [K in FittedFeature['kind']]: TransformKind<Extract<FittedFeature, { kind: K }>> } = {
  numeric: numericKind,
  calendar: calendarKind,
  categorical: categoricalKind,
  hashing: hashingKind,
  'target-encoding': targetEncodingKind,
  text: textKind,
};

/** A feature's kind, for use with features of that kind alone. */
function kindOf({ kind }: Pick<FittedFeature, 'kind'>): TransformKind<FittedFeature> {
  return transformKinds[kind] as unknown as TransformKind<FittedFeature>;
}

function byKind(features: readonly FittedFeature[]): { readonly kind: TransformKind<FittedFeature>; readonly features: FittedFeature[] }[] {
  return (Object.keys(transformKinds) as FittedFeature['kind'][])
    .map((kind) => ({ kind: kindOf({ kind }), features: features.filter((feature) => feature.kind === kind) }))
    .filter((group) => group.features.length > 0);
}

/** Column order of the two matrices that a list of features encodes to. Pure. */
export function layoutOf(features: readonly FittedFeature[]): FeatureLayout {
  return {
    categorical: features.flatMap((feature) => kindOf(feature).indexColumns(feature)),
    numeric: byKind(features).flatMap((group) => group.kind.numberColumns(group.features)),
  };
}

/** Raw columns in, the model's matrices out: SQL expressions in the column order of `transform.layout`, never NULL. */
export interface EncodedColumns {
  /** INTEGER each. */
  readonly categorical: readonly string[];
  readonly numeric: readonly NumberSql[];
}

/**
 * The transform as SQL expressions over a relation that has the raw inputs as columns (see `rawColumn`).
 *
 * The SQL twin of `lowerTransform`. DuckDB computes it with its own calendar and its own tables of categories, so the
 * comparison of the two (in the tests, and on real rows in every run) is between two implementations.
 *
 * @param instead SQL of the float columns of features that training rows encode otherwise, by feature name
 * @returns what `lowerTransform` computes in the graph, column by column
 */
export function encodedColumns(
  { features, inputs }: Pick<FittedTransform, 'features' | 'inputs'>,
  instead: ReadonlyMap<string, readonly NumberSql[]> = new Map(),
): EncodedColumns {
  const inputOf = inputFinder(inputs);
  return {
    categorical: features.flatMap((feature) => kindOf(feature).indexSql(feature, inputOf(feature))),
    numeric: byKind(features).flatMap((group) =>
      group.features.some(({ name }) => instead.has(name))
        ? group.features.flatMap((feature) => instead.get(feature.name) ?? group.kind.numberSql([feature], inputOf))
        : group.kind.numberSql(group.features, inputOf),
    ),
  };
}

/**
 * Write the preprocessing into a graph: declares the raw inputs and computes the model's two matrices from them.
 *
 * Exactly what `encodedColumns` says in SQL; a float that is NaN or infinite is missing. Deterministic, so equal
 * transforms give equal nodes.
 *
 * @returns names of the values `categorical` int32 [N, C] and `numeric` float32 [N, F] in the columns of
 *   `transform.layout`; absent where there is no such column
 * @throws AnnealError `InvalidModel` when a feature refers to an input that is not there
 */
export function lowerTransform(
  builder: GraphBuilder,
  { features, inputs }: Pick<FittedTransform, 'features' | 'inputs'>,
): { readonly categorical?: string; readonly numeric?: string } {
  for (const input of inputs) builder.input(input.name, input.type, ['N', 1]);
  const inputOf = inputFinder(inputs);
  const lowered = byKind(features).map((group) => group.kind.lower(builder, group.features, inputOf));
  const numbers = lowered.flatMap((columns) => columns.numbers ?? []); // float32 [N, columns of a kind] each
  const names = layoutOf(features).categorical.map(({ name }) => name);
  return {
    ...(names.length > 0 ? { categorical: lowerIndices(builder, lowered, names) } : {}),
    ...(numbers.length > 0 ? { numeric: numbers.length === 1 ? numbers[0] : builder.node('Concat', numbers, { axis: 1 }) } : {}),
  };
}

/** @returns name of an int32 [N, names.length] value in the order of the names */
function lowerIndices(builder: GraphBuilder, lowered: readonly LoweredColumns[], names: readonly string[]): string {
  const computed = lowered.flatMap(({ indices = [] }) => indices);
  // Where every value is of features that stand together, the order is that of the values.
  const sorted = computed.toSorted((a, b) => names.indexOf(a.names[0]) - names.indexOf(b.names[0]));
  const values = sorted.map(({ value }) => value);
  const joined = values.length === 1 ? values[0] : builder.node('Concat', values, { axis: 1 }); // int64 [N, C]
  const order = sorted.flatMap((part) => part.names);
  const isOrdered = order.every((name, i) => name === names[i]);
  const places = names.map((name) => order.indexOf(name));
  const arranged = isOrdered ? joined : builder.node('Gather', [joined, builder.constant('int64', places)], { axis: 1 }); // int64 [N, C]
  return builder.node('Cast', [arranged], { to: elementTypes.int32 }); // int32 [N, C]
}

function inputFinder(inputs: readonly RawInput[]): InputOf {
  const byName = new Map(inputs.map((input) => [input.name, input]));
  return (feature) => {
    const input = byName.get(feature.input);
    if (input) return input;
    throw new AnnealError(
      failureTypes.invalidModel,
      `Feature "${feature.name}" of the transform reads the input "${feature.input}", but the transform has the inputs ${[...byName.keys()].join(', ')}. Run the pipeline again so that the transform is fitted anew.`,
    );
  };
}
