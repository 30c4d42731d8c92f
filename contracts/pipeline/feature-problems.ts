import type { ColumnSpec } from './columns.js';
import type { FeatureSpec } from './features.js';

type Kind = FeatureSpec['kind'];
type CategoricalSpec = Extract<FeatureSpec, { kind: 'categorical' }>;

const columnTypes: Readonly<Record<Kind, readonly ColumnSpec['type'][]>> = {
  numeric: ['integer', 'float', 'boolean'],
  categorical: ['string', 'integer', 'boolean'],
  calendar: ['timestamp'],
  text: ['string'],
  image: ['image'],
};
/** Kinds that read the same column in another way. */
const instead: Partial<Readonly<Record<ColumnSpec['type'], string>>> = {
  string: 'categorical or text',
  timestamp: 'calendar',
  integer: 'numeric or categorical',
  boolean: 'numeric or categorical',
  float: 'numeric',
  image: 'image',
};
/** A one-hot feature is as many inputs of the first layer. */
const maxOneHot = 2048;

const encodingsOf = {
  minCount: ['embedding', 'one-hot', 'target'],
  maxCategories: ['embedding', 'one-hot', 'target'],
  buckets: ['hashing'],
  smoothing: ['target'],
  folds: ['target'],
} as const satisfies Partial<Record<keyof CategoricalSpec, readonly CategoricalSpec['encoding'][]>>;

/** What of a feature does not go together; a sentence for each. */
export function featureProblems(name: string, feature: FeatureSpec, type: ColumnSpec['type']): string[] {
  const types = columnTypes[feature.kind];
  if (!types.includes(type)) {
    const needed = `${/^[aeiou]/.test(types[0]) ? 'an' : 'a'} ${types.join(', ').replace(/, ([^,]*)$/, ' or $1')} column`;
    return [`features.${name}: ${feature.kind} needs ${needed}, "${feature.column}" is ${type}; for that choose ${instead[type]}`];
  }
  const found = feature.kind === 'calendar' ? calendarProblems(feature) : feature.kind === 'numeric' ? numericProblems(feature) : [];
  return [...found, ...(feature.kind === 'categorical' ? categoricalProblems(feature) : [])].map(
    (problem) => `features.${name}.${problem}`,
  );
}

function categoricalProblems(feature: CategoricalSpec): string[] {
  const { encoding, dimension, maxCategories = 0 } = feature;
  const problems = Object.entries(encodingsOf).flatMap(([option, encodings]) =>
    feature[option as keyof typeof encodingsOf] === undefined || (encodings as readonly string[]).includes(encoding)
      ? []
      : [`${option}: belongs to the encoding ${encodings.join(', ')}, not to ${encoding}; leave it out or change encoding`],
  );
  if (dimension !== 'auto' && (encoding === 'one-hot' || encoding === 'target'))
    problems.push(`dimension: the encoding ${encoding} has no vectors; leave it out or choose embedding`);
  if (encoding === 'one-hot' && maxCategories > maxOneHot)
    problems.push(`maxCategories: a one-hot feature has at most ${maxOneHot}; choose embedding or hashing for more`);
  return problems;
}

function calendarProblems({ part, encoding, dimension }: Extract<FeatureSpec, { kind: 'calendar' }>): string[] {
  if (part === 'year' && encoding !== undefined && encoding !== 'numeric')
    return [`encoding: a year has no end, so it is numeric; leave encoding out`];
  const hasVectors = part !== 'year' && (encoding === undefined || encoding === 'embedding');
  return dimension === 'auto' || hasVectors ? [] : [`dimension: only the encoding embedding has vectors; leave it out`];
}

function numericProblems({ clip }: Extract<FeatureSpec, { kind: 'numeric' }>): string[] {
  if (clip === undefined) return [];
  if ('quantiles' in clip) {
    const [low, high] = clip.quantiles;
    return low < high ? [] : [`clip.quantiles: the lower one (${low}) must be below the upper one (${high})`];
  }
  const { low, high } = clip;
  if (low === undefined && high === undefined) return ['clip: needs low, high or both, or quantiles'];
  return low === undefined || high === undefined || low < high ? [] : [`clip: low (${low}) must be below high (${high})`];
}
