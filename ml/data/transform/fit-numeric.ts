import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedNumeric } from '../../../contracts/fitted-feature.js';
import type { FeatureSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { identifier } from '../sql-quoting.js';
import { clippedNumber, signedLogarithm } from './numeric.js';
import { quantileKnots } from './piecewise.js';
import type { TrainingRows } from './training-rows.js';
import { usableScale } from './transform-kind.js';

type NumericSpec = Extract<FeatureSpec, { kind: 'numeric' }>;

/** Beyond this quantiles are estimates (t-digest): exact ones hold the column in memory. */
const exactQuantileRows = 5_000_000;
/** The square of what is larger is no float64; it does not count in means, deviations and ranges. */
const largest = 1e150;
/** Spaces between the knots of a quantile scale. */
const knotSpaces = 100;

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Fit a number's filling, clipping and scale. One pass over the column, two where the scale is fitted on clipped or bent values.
 *
 * A column that cannot be missing is filled with its mean, which costs nothing: nobody reads it.
 */
export async function fitNumeric(
  session: DataSession,
  training: TrainingRows,
  name: string,
  spec: NumericSpec,
  input: RawInput,
): Promise<FittedNumeric> {
  // `rawColumn` gives finite numbers or NULL.
  const value = `CAST(${identifier(spec.column)} AS DOUBLE)`;
  const impute = input.type === 'int64' ? 'mean' : spec.impute;
  const shares = sharesOf({ ...spec, impute });
  const needsEnds = spec.scale === 'minmax' || shares.includes(0) || shares.includes(1);
  const raw = await describe(session, training, value, shares, needsEnds);
  const at = (share: number) => raw.quantiles.get(share) ?? 0;
  const fill = typeof impute === 'number' ? impute : impute === 'mean' ? raw.moments.mean : at(0.5);
  const clip = boundsOf(spec, at);
  const within = (x: number) => Math.min(clip?.high ?? Infinity, Math.max(clip?.low ?? -Infinity, x));
  const base = { kind: 'numeric', name, input: spec.column, fill, missingIndicator: spec.missingIndicator } as const;
  const clipped = { ...base, ...(clip ? { clip } : {}) };
  switch (spec.scale) {
    case 'none':
      return { ...clipped, center: 0, scale: 1 };
    case 'standard':
    case 'minmax': {
      const moments = clip ? (await describe(session, training, clippedNumber(value, clip), [], needsEnds)).moments : raw.moments;
      return { ...clipped, ...(spec.scale === 'standard' ? standard(moments) : range(moments)) };
    }
    case 'log': {
      const bent = signedLogarithm(clippedNumber(value, clip));
      return { ...clipped, curve: { kind: 'log' }, ...standard((await describe(session, training, bent, [], false)).moments) };
    }
    case 'robust': {
      const spread = within(at(0.75)) - within(at(0.25));
      // A column with one value in more than half of its rows has no interquartile range.
      const scale = spread > 0 ? spread : raw.moments.deviation;
      const center = within(at(0.5));
      return { ...clipped, center, scale: usableScale(scale, center) };
    }
    case 'quantile': {
      const knots = quantileKnots(knotShares.map((share) => Math.min(largest, Math.max(-largest, within(at(share))))));
      return { ...clipped, curve: { kind: 'piecewise', ...knots }, center: 0, scale: 1 };
    }
  }
}

const knotShares = Array.from({ length: knotSpaces + 1 }, (_, i) => i / knotSpaces);

function sharesOf({ scale, impute, clip }: NumericSpec): number[] {
  return [
    ...new Set([
      ...(impute === 'median' ? [0.5] : []),
      ...(clip && 'quantiles' in clip ? clip.quantiles : []),
      ...(scale === 'robust' ? [0.25, 0.5, 0.75] : []),
      ...(scale === 'quantile' ? knotShares : []),
    ]),
  ].sort((a, b) => a - b);
}

function boundsOf({ clip }: NumericSpec, at: (share: number) => number): FittedNumeric['clip'] {
  if (clip === undefined) return undefined;
  return 'quantiles' in clip ? { low: at(clip.quantiles[0]), high: at(clip.quantiles[1]) } : clip;
}

function standard({ mean, deviation }: Moments): { readonly center: number; readonly scale: number } {
  return { center: mean, scale: usableScale(deviation, mean) };
}

function range({ min, max }: Moments): { readonly center: number; readonly scale: number } {
  return { center: min, scale: usableScale(max - min, min) };
}

async function describe(
  session: DataSession,
  { relation, rows }: TrainingRows,
  value: string,
  shares: readonly number[],
  needsEnds: boolean,
): Promise<{ readonly moments: Moments; readonly quantiles: ReadonlyMap<number, number> }> {
  const estimate = rows > exactQuantileRows ? 'approx_quantile' : 'quantile_disc';
  const quantiles = shares.length > 0 ? `${estimate}(x, [${shares.join(', ')}])` : 'NULL';
  const squarable = `FILTER (abs(x) < ${largest})`;
  // Each figure is another pass over the column's values.
  const ends = needsEnds ? `, min(x) ${squarable} AS low, max(x) ${squarable} AS high` : '';
  const [found] = await session.rows(
    `SELECT avg(x) ${squarable} AS mean, stddev_pop(x) ${squarable} AS deviation${ends}, ` +
      `${quantiles} AS quantiles FROM (SELECT ${value} AS x FROM ${relation})`,
  );
  const moments = { mean: number(found.mean), deviation: number(found.deviation), min: number(found.low), max: number(found.high) };
  const values = (found.quantiles ?? []) as readonly (number | null)[];
  // An estimate knows neither end.
  const end = (share: number, i: number) => (share === 0 ? moments.min : share === 1 ? moments.max : number(values[i]));
  let highest = -Infinity;
  const increasing = shares.map((share, i) => {
    highest = Math.max(highest, values[i] === undefined ? 0 : end(share, i));
    return [share, highest] as const;
  });
  return { moments, quantiles: new Map(increasing) };
}

function number(value: unknown): number {
  return Number(value ?? 0);
}
