import type { ImageShape } from './image-input.js';

/** How the encoded features reach the model: one int32 matrix [N, C] of category indices, one float32 matrix [N, F]. */
export interface FeatureLayout {
  /** Column order of the index matrix. */
  readonly categorical: readonly IndexColumn[];
  /** Column order of the float matrix. */
  readonly numeric: readonly string[];
  /** The image of a row; absent where no feature is one. */
  readonly image?: ImageShape & { readonly name: string };
}

/** A column of the index matrix. Index 0 is the bucket of missing values; valid indices are < size. */
export interface IndexColumn {
  readonly name: string;
  readonly size: number;
  readonly dimension: number | 'auto';
  /** `one-hot`: the network reads a column that is 1 or 0 for each index; absent: a trained vector for each. */
  readonly encoding?: 'one-hot';
}

interface FittedBase {
  readonly name: string;
  /** The raw column. */
  readonly input: string;
}

export interface FittedNumeric extends FittedBase {
  readonly kind: 'numeric';
  /** Replaces a missing value, before all else. */
  readonly fill: number;
  /** Values outside are moved to the bound; an open side is absent. */
  readonly clip?: { readonly low?: number; readonly high?: number };
  /** Applied before center and scale: sign(x) · ln(1 + |x|), or linear between knots, flat outside them. */
  readonly curve?: { readonly kind: 'log' } | ({ readonly kind: 'piecewise' } & Knots);
  /** Encoded value = (value − center) / scale, computed in float64, then rounded to float32. */
  readonly center: number;
  readonly scale: number;
  readonly missingIndicator: boolean;
}

/** A function by its values at increasing places. */
export interface Knots {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface FittedCategorical extends FittedBase {
  readonly kind: 'categorical';
  /** Category at position i has index i + 2; 0 is missing, 1 rare or unknown. Integers and booleans as their decimal text. */
  readonly vocabulary: readonly string[];
  readonly dimension: number | 'auto';
  readonly encoding?: 'one-hot';
}

/** Index = 1 + MurmurHash3 (x86, 32 bits, seed 0) of the category's UTF-8 text mod `buckets`; 0 is missing. */
export interface FittedHashing extends FittedBase {
  readonly kind: 'hashing';
  readonly buckets: number;
  readonly dimension: number | 'auto';
}

export interface FittedTargetEncoding extends FittedBase {
  readonly kind: 'target-encoding';
  /** As in `FittedCategorical`. */
  readonly vocabulary: readonly string[];
  /** Names of the float columns that it encodes to. */
  readonly columns: readonly string[];
  /** float32 [vocabulary + 2, columns]: the encoded values by index. */
  readonly table: readonly (readonly number[])[];
}

export type CalendarPart = 'month' | 'quarter' | 'dayOfMonth' | 'dayOfWeek' | 'dayOfYear' | 'weekOfYear' | 'hour' | 'minute' | 'year';

export interface FittedCalendar extends FittedBase {
  readonly kind: 'calendar';
  readonly part: CalendarPart;
  readonly dimension: number | 'auto';
  /** Absent: an index for an embedding. */
  readonly encoding?: 'one-hot' | 'cyclical' | 'numeric';
  /** Of a numeric part: encoded value = (part − center) / scale; a missing one is 0. */
  readonly center?: number;
  readonly scale?: number;
}

export interface FittedText extends FittedBase {
  readonly kind: 'text';
  readonly buckets: number;
  readonly ngrams: 1 | 2;
  readonly lowercase: boolean;
  readonly maxTokens: number;
  /** Weight of each bucket; absent: all 1. */
  readonly inverseDocumentFrequency?: readonly number[];
}

/** A feature's transform with everything that was fitted on the training part; plain JSON. */
export type FittedFeature = FittedNumeric | FittedCategorical | FittedHashing | FittedTargetEncoding | FittedCalendar | FittedText;
