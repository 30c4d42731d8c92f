import { SourceMap, type SourceMapPayload } from 'node:module';
import { basename, dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

interface ImportedBundle {
  /** Folder that the sources of the map are relative to. */
  readonly folder: string;
  readonly map: SourceMap;
}

/** By the name of the file that was imported. */
const imported = new Map<string, ImportedBundle>();

/** Remember the source map that a bundle ends with, so that `placeOf` can tell where its errors come from. */
export function rememberSources(file: string, bundle: string): void {
  const encoded = /\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/.exec(bundle)?.[1];
  if (encoded === undefined) return;
  const payload = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as SourceMapPayload;
  imported.set(basename(file), { folder: dirname(file), map: new SourceMap(payload) });
}

/**
 * Where in the user's own files an error was thrown, or the function called that threw it.
 *
 * @param module as the pipeline names it
 * @returns `models/my-net.ts:12:5`; undefined where no frame of the stack is the user's
 */
export function placeOf(error: unknown, module: string): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  for (const line of error.stack.split('\n')) {
    const [, where, row, column] = /((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(line) ?? [];
    if (where === undefined) continue;
    const place = sourceOf(where.startsWith('file:') ? fileURLToPath(where) : where, Number(row), Number(column));
    if (place && !place.source.includes('node_modules/'))
      return `${posix.join(posix.dirname(module), place.source)}:${place.line}:${place.column}`;
  }
  return undefined;
}

function sourceOf(path: string, line: number, column: number): { source: string; line: number; column: number } | undefined {
  const bundle = imported.get(basename(path));
  if (bundle) {
    const entry = bundle.map.findEntry(line - 1, column - 1);
    if (!('originalSource' in entry) || !entry.originalSource) return undefined;
    return { source: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  }
  // Node.js has mapped the frame already, where source maps are on.
  for (const { folder, map } of imported.values()) {
    const source = map.payload.sources.find((each) => join(folder, each) === path);
    if (source !== undefined) return { source, line, column };
  }
  return undefined;
}
