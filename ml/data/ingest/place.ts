import { Minimatch } from 'minimatch';

/** What a uri with `*`, `?`, `[…]` or `{…}` means: the files below a fixed folder whose relative names match. */
export interface FilePattern {
  /** The part before the first pattern character, up to a `/`, without it; empty for the folder where one is. */
  readonly base: string;
  /** @param name relative to the base, `/` between its segments */
  readonly matches: (name: string) => boolean;
  /** Segments of the longest name that can match; infinite with `**`. */
  readonly depth: number;
  /** Whether names that begin with `_` are asked for, which are otherwise what other tools leave beside the data. */
  readonly hasUnderscore: boolean;
}

/** @returns undefined when there is no pattern character in it */
export function filePattern(text: string): FilePattern | undefined {
  const segments = text.split('/');
  const first = segments.findIndex((segment) => /[*?[{]/.test(segment));
  if (first < 0) return undefined;
  const relative = segments.slice(first);
  const matcher = new Minimatch(relative.join('/'), { nocomment: true, nonegate: true, noext: true, dot: false });
  const base = segments.slice(0, first).join('/');
  return {
    base: base === '' && text.startsWith('/') ? '/' : base,
    matches: (name) => matcher.match(name),
    depth: relative.some((segment) => segment.includes('**') || segment.includes('{')) ? Number.POSITIVE_INFINITY : relative.length,
    hasUnderscore: relative.some((segment) => segment.startsWith('_')),
  };
}

/** The columns that folders named `key=value` stand for. @param folders names of the folders above a file, outermost first */
export function hiveColumns(folders: readonly string[]): Readonly<Record<string, string | null>> | undefined {
  const columns = folders.flatMap((folder) => {
    const at = folder.indexOf('=');
    if (at < 1) return [];
    const value = unescaped(folder.slice(at + 1));
    return [[unescaped(folder.slice(0, at)), value === '__HIVE_DEFAULT_PARTITION__' ? null : value] as const];
  });
  return columns.length > 0 ? Object.fromEntries(columns) : undefined;
}

/** Writers escape what a file name cannot hold as `%xx`. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Names that tools give to what is no data: `.hidden`, `_SUCCESS`, `_temporary`. */
export function isHidden(name: string, hasUnderscore = false): boolean {
  return name.startsWith('.') || (name.startsWith('_') && !hasUnderscore);
}

export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
