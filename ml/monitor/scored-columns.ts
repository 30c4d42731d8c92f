import type { FittedTransform, RawInput } from '../../contracts/dataset.js';
import type { FittedFeature } from '../../contracts/fitted-feature.js';
import type { GraphBuilder } from '../graph/onnx-builder.js';
import { identifier } from '../data/sql-quoting.js';
import { calendarRanges, calendarSql, isIndexed } from '../data/transform/calendar-parts.js';
import { lowerVocabulary, reservedIndices, vocabularyIndex } from '../data/transform/category-text.js';
import { lowerCalendar } from '../data/transform/lower-calendar.js';
import { encodedColumns } from '../data/transform/transform-kinds.js';

/** What the score of a row is made of: numbers as they come, and indices that features make of categories and times. */
export interface ScoredColumns {
  /** Inputs that a feature reads as a number. */
  readonly numbers: readonly RawInput[];
  readonly indices: readonly ScoredIndex[];
}

export interface ScoredIndex {
  readonly feature: string;
  readonly input: string;
  /** SQL of the index: INTEGER, never NULL. */
  readonly sql: string;
  /** Where the matrix of indices that the network reads has it. */
  readonly position?: number;
  /** Else it is computed: name of an int64 [N, 1] value. */
  readonly lower?: (builder: GraphBuilder) => string;
  /** How many indices there are. */
  readonly size: number;
  /** Of categories: index i + 2 is that of the i-th one. */
  readonly vocabulary?: readonly string[];
}

/** Parts of a time that a week repeats. What grows, like the year, or comes back in a year, is new in any data that are ordered by time. */
const weeklyParts: ReadonlySet<string> = new Set(['hour', 'dayOfWeek']);

/**
 * Choose what is scored. A column that several features read in one way counts once; of a timestamp its hour and its weekday count,
 * where the model reads them, and never the time itself. Texts and images are not scored. Pure.
 */
export function scoredColumns(transform: Pick<FittedTransform, 'features' | 'inputs' | 'layout'>): ScoredColumns {
  const { features, inputs, layout } = transform;
  const inputOf = (feature: FittedFeature): RawInput => inputs.find(({ name }) => name === feature.input)!;
  const read = new Set(features.flatMap((feature) => (feature.kind === 'numeric' ? [feature.input] : [])));
  const encoded = encodedColumns(transform).categorical;
  const indices = new Map<string, ScoredIndex>();
  const add = (key: string, index: ScoredIndex): void => {
    const known = indices.get(key);
    // One that the network's matrix has costs nothing.
    if (!known || (known.position === undefined && index.position !== undefined)) indices.set(key, index);
  };
  for (const feature of features) {
    const { name, input } = feature;
    const position = layout.categorical.findIndex((column) => column.name === name);
    const inMatrix = { feature: name, input, sql: encoded[position], position, size: layout.categorical[position]?.size ?? 0 };
    if (feature.kind === 'categorical') add(JSON.stringify([input]), { ...inMatrix, vocabulary: feature.vocabulary });
    if (feature.kind === 'hashing') add(JSON.stringify([input]), inMatrix);
    if (feature.kind === 'target-encoding') {
      const raw = inputOf(feature);
      const { vocabulary } = feature;
      const lower = (builder: GraphBuilder) => lowerVocabulary(builder, vocabulary, raw);
      const sql = vocabularyIndex(vocabulary, raw);
      add(JSON.stringify([input]), { feature: name, input, sql, lower, vocabulary, size: vocabulary.length + reservedIndices });
    }
    if (feature.kind !== 'calendar' || !weeklyParts.has(feature.part)) continue;
    const key = JSON.stringify([input, feature.part]);
    if (isIndexed(feature)) add(key, inMatrix);
    else {
      const { first, values } = calendarRanges[feature.part as 'hour' | 'dayOfWeek'];
      const sql = `CAST(coalesce(${calendarSql[feature.part](`epoch_ms(${identifier(input)})`)} + ${1 - first}, 0) AS INTEGER)`;
      add(key, { feature: name, input, sql, lower: (builder) => lowerCalendar(builder, input, [feature.part]).value, size: values + 1 });
    }
  }
  return { numbers: inputs.filter(({ name }) => read.has(name)), indices: [...indices.values()] };
}
