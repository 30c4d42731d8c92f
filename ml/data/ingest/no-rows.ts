import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import { unavailable } from './source-file.js';

/** A source without a single row, or without one in its window. */
export function noRows(uri: string, window?: ResolvedWindow): Error {
  if (!window)
    return unavailable(uri, 'it has no rows', 'Check how the file was made: a header alone, or an empty list, is nothing to learn from.');
  const { column, since, until } = window;
  const range = [...(since === undefined ? [] : [`from ${since}`]), ...(until === undefined ? [] : [`until ${until}`])].join(' ');
  return unavailable(
    uri,
    `it has no rows whose "${column}" lies in the window (${range})`,
    'Wait until there are new data, or give the window another beginning (source.window, --since).',
  );
}
