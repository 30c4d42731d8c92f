import type { QuerySource, SourceSpec } from './source.js';

export function isQuery(source: SourceSpec): source is QuerySource {
  return 'query' in source;
}

/** @returns the places of a source's files, as they were written */
export function sourceUris(source: SourceSpec): readonly string[] {
  return isQuery(source) ? Object.values(source.sources).flatMap(({ uri: place }) => place) : [source.uri].flat();
}

/** A source in a few words, for summaries and messages. */
export function describeSource(source: SourceSpec): string {
  if (isQuery(source)) return `a query over ${Object.keys(source.sources).join(', ')}`.slice(0, 200);
  const [first, ...others] = sourceUris(source);
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
