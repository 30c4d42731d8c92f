import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedNumeric } from '../../../contracts/fitted-feature.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { identifier, numberLiteral, textLiteral } from '../sql-quoting.js';
import { float32Max, type InputOf, type TransformKind } from './transform-kind.js';

/** Numbers: filled, clipped, bent, centered and scaled, in this order. The indicators of missing values come after all numbers. */
export const numericKind: TransformKind<FittedNumeric> = {
  indexColumns: () => [],
  numberColumns: (features) => [
    ...byCurve(features).map(({ name }) => name),
    ...byCurve(features)
      .filter(({ missingIndicator }) => missingIndicator)
      .map(({ name }) => missingIndicatorName(name)),
  ],
  indexSql: () => [],
  numberSql: (features) => {
    const ordered = byCurve(features);
    const indicators = ordered.filter(({ missingIndicator }) => missingIndicator);
    return [
      ...ordered.map(scaledNumber),
      ...indicators.map(({ input }) => `CAST(${finiteDouble(identifier(input))} IS NULL AS FLOAT)`),
    ].map((sql) => ({ sql, width: 1 }));
  },
  lower: (builder, features, inputOf) => (features.length === 0 ? {} : { numbers: lowerNumbers(builder, byCurve(features), inputOf) }),
};

export function missingIndicatorName(feature: string): string {
  return `${feature} is missing`;
}

/** Those that are bent in the same way stand together, so that the graph cuts its matrix and needs no permutation. */
function byCurve(features: readonly FittedNumeric[]): FittedNumeric[] {
  const of = (kind: 'log' | 'piecewise' | undefined) => features.filter((feature) => feature.curve?.kind === kind);
  return [...of(undefined), ...of('log'), ...of('piecewise')];
}

/** SQL of a number as DOUBLE, NULL where it is missing or infinite. */
export function finiteDouble(expression: string): string {
  const double = `CAST(${expression} AS DOUBLE)`;
  return `CASE WHEN isfinite(${double}) THEN ${double} END`;
}

/** SQL of a number within bounds. */
export function clippedNumber(expression: string, clip: FittedNumeric['clip']): string {
  const raised = clip?.low === undefined ? expression : `greatest(${expression}, ${numberLiteral(clip.low)})`;
  return clip?.high === undefined ? raised : `least(${raised}, ${numberLiteral(clip.high)})`;
}

/** SQL of sign(x) · ln(1 + |x|). */
export function signedLogarithm(expression: string): string {
  return `(sign(${expression}) * ln(1 + abs(${expression})))`;
}

function scaledNumber({ input, fill, clip, curve, center, scale }: FittedNumeric): string {
  const clipped = clippedNumber(`coalesce(${finiteDouble(identifier(input))}, ${numberLiteral(fill)})`, clip);
  const bent =
    curve?.kind === 'log'
      ? signedLogarithm(clipped)
      : curve?.kind === 'piecewise'
        ? `anneal_piecewise(${clipped}, ${textLiteral(JSON.stringify({ x: curve.x, y: curve.y }))})`
        : clipped;
  const scaled = `(${bent} - ${numberLiteral(center)}) / ${numberLiteral(scale)}`;
  return `CAST(greatest(least(${scaled}, ${numberLiteral(float32Max)}), ${numberLiteral(-float32Max)}) AS FLOAT)`;
}

function lowerNumbers(builder: GraphBuilder, features: readonly FittedNumeric[], inputOf: InputOf): string {
  const row = (values: readonly number[]) => builder.constant('float64', values, [1, values.length]);
  const { raw, isPresent } = lowerRaw(builder, features.map(inputOf)); // float64 and bool [N, V]
  const filled = isPresent ? builder.node('Where', [isPresent, raw, row(features.map((feature) => feature.fill))]) : raw; // float64 [N, V]
  const bent = lowerCurves(builder, lowerClip(builder, filled, features), features); // float64 [N, V]
  const centered = builder.node('Sub', [bent, row(features.map((feature) => feature.center))]); // float64 [N, V]
  const scaled = builder.node('Div', [centered, row(features.map((feature) => feature.scale))]); // float64 [N, V]
  const finite = builder.node('Clip', [scaled, builder.scalar('float64', -float32Max), builder.scalar('float64', float32Max)]);
  const values = builder.node('Cast', [finite], { to: elementTypes.float32 }); // float32 [N, V]

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
  return builder.node('Concat', [values, indicators], { axis: 1 }); // float32 [N, V + indicators]
}

function lowerRaw(builder: GraphBuilder, inputs: readonly RawInput[]): { readonly raw: string; readonly isPresent?: string } {
  const columns = inputs.map(({ name, type }) => (type === 'float64' ? name : builder.node('Cast', [name], { to: elementTypes.float64 })));
  const raw = columns.length === 1 ? columns[0] : builder.node('Concat', columns, { axis: 1 }); // float64 [N, V]
  // Integers that are not nullable cannot be missing, and need no test.
  if (!inputs.some(({ type }) => type === 'float64')) return { raw };
  return { raw, isPresent: builder.node('Less', [builder.node('Abs', [raw]), builder.scalar('float64', Number.POSITIVE_INFINITY)]) };
}

function lowerClip(builder: GraphBuilder, value: string, features: readonly FittedNumeric[]): string {
  const bounds = (of: (feature: FittedNumeric) => number | undefined, open: number) =>
    features.some((feature) => of(feature) !== undefined)
      ? builder.constant(
          'float64',
          features.map((feature) => of(feature) ?? open),
          [1, features.length],
        )
      : undefined;
  const low = bounds(({ clip }) => clip?.low, Number.NEGATIVE_INFINITY);
  const high = bounds(({ clip }) => clip?.high, Number.POSITIVE_INFINITY);
  const raised = low ? builder.node('Max', [value, low]) : value;
  return high ? builder.node('Min', [raised, high]) : raised;
}

/** @param features in the order of `byCurve` */
function lowerCurves(builder: GraphBuilder, value: string, features: readonly FittedNumeric[]): string {
  if (features.every(({ curve }) => curve === undefined)) return value;
  const logs = features.filter(({ curve }) => curve?.kind === 'log').length;
  const curves = features.flatMap(({ curve }) => (curve?.kind === 'piecewise' ? [curve] : []));
  const widths = [features.length - logs - curves.length, logs, ...curves.map(() => 1)];
  const present = widths.map((width, place) => ({ width, place })).filter(({ width }) => width > 0);
  const names = present.length > 1 ? present.map(() => builder.unique('Split')) : [value];
  if (present.length > 1) {
    const sizes = builder.constant(
      'int64',
      present.map(({ width }) => width),
    );
    builder.nodeWithOutputs('Split', [value, sizes], names, { axis: 1 });
  }
  const parts = present.map(({ place }, i) => {
    const part = names[i]; // float64 [N, width]
    if (place === 0) return part;
    return place === 1 ? lowerLogarithm(builder, part) : lowerPiecewise(builder, part, curves[place - 2]);
  });
  return parts.length === 1 ? parts[0] : builder.node('Concat', parts, { axis: 1 }); // float64 [N, V]
}

function lowerLogarithm(builder: GraphBuilder, value: string): string {
  const magnitude = builder.node('Add', [builder.node('Abs', [value]), builder.scalar('float64', 1)]);
  return builder.node('Mul', [builder.node('Sign', [value]), builder.node('Log', [magnitude])]);
}

/**
 * y₀ + Σ Δyᵢ · clip((v − xᵢ) / Δxᵢ, 0, 1): no search, so a few nodes for any number of knots.
 *
 * @param value name of a float64 [N, 1] value @returns name of a float64 [N, 1] value
 */
function lowerPiecewise(
  builder: GraphBuilder,
  value: string,
  { x, y }: { readonly x: readonly number[]; readonly y: readonly number[] },
): string {
  const constant = (values: readonly number[], shape: readonly number[]) => builder.constant('float64', values, shape);
  const spans = x.length - 1;
  const differences = (values: readonly number[]) => values.slice(1).map((next, i) => next - values[i]);
  if (spans === 0) return builder.node('Add', [builder.node('Mul', [value, constant([0], [])]), constant(y, [1, 1])]); // [N, 1]
  const offset = builder.node('Sub', [value, constant(x.slice(0, -1), [1, spans])]); // [N, spans]
  const share = builder.node('Div', [offset, constant(differences(x), [1, spans])]); // [N, spans]
  const within = builder.node('Clip', [share, builder.scalar('float64', 0), builder.scalar('float64', 1)]); // [N, spans]
  const rise = builder.node('MatMul', [within, constant(differences(y), [spans, 1])]); // [N, 1]
  return builder.node('Add', [rise, constant([y[0]], [1, 1])]); // [N, 1]
}
