import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedFeature, IndexColumn } from '../../../contracts/fitted-feature.js';
import type { GraphBuilder } from '../../graph/onnx-builder.js';

export type InputOf = (feature: FittedFeature) => RawInput;

/**
 * A kind of fitted feature: its columns in the model's matrices, and how they are computed in SQL and in a graph.
 *
 * The two forms are independent implementations of the same function of a row; tests and every run compare them.
 */
export interface TransformKind<Feature extends FittedFeature> {
  /** The feature's columns of the index matrix. */
  readonly indexColumns: (feature: Feature) => readonly IndexColumn[];
  /** Names of the float columns of all features of the kind. */
  readonly numberColumns: (features: readonly Feature[]) => readonly string[];
  /** SQL of each of `indexColumns`: INTEGER, never NULL. */
  readonly indexSql: (feature: Feature, input: RawInput) => readonly string[];
  /** SQL of `numberColumns`, never NULL. */
  readonly numberSql: (features: readonly Feature[], inputOf: InputOf) => readonly NumberSql[];
  readonly lower: (builder: GraphBuilder, features: readonly Feature[], inputOf: InputOf) => LoweredColumns;
}

/** An expression of float columns: FLOAT for one, a BLOB of as many little-endian float32 for several. */
export interface NumberSql {
  readonly sql: string;
  readonly width: number;
}

/** What a graph computes for the features of a kind. */
export interface LoweredColumns {
  /** Values int64 [N, names]; `names` are those of `indexColumns`, in any order. */
  readonly indices?: readonly { readonly value: string; readonly names: readonly string[] }[];
  /** Value float32 [N, numberColumns]. */
  readonly numbers?: string;
}

/** Spread of equal numbers is 0, or what rounding left of it; then they are only centered. */
export function usableScale(scale: number, center: number): number {
  return scale > Number.EPSILON * Math.abs(center) && Number.isFinite(scale) ? scale : 1;
}

/** Largest finite float32: what lies beyond it is clipped, so that no infinity reaches the network. */
export const float32Max = 3.4028234663852886e38;
