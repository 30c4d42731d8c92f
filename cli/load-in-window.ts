import type { PipelineSpec } from '../contracts/pipeline.js';
import { isImages } from '../contracts/pipeline/source.js';
import { windowTime, windowTimeHint } from '../contracts/pipeline/window.js';
import { CommandError, usageError } from './command-error.js';
import { loadPipeline } from './load-pipeline.js';

/** Begin and end of a window as somebody writes them; either may be left out. */
export interface WindowOptions {
  readonly since?: string;
  readonly until?: string;
}

/**
 * Load a pipeline with its window of times set for one run.
 *
 * @param assignments as of `loadPipeline`
 * @throws CommandError (usage) when a time is none, or the pipeline does not say which column holds the times
 */
export async function loadInWindow(pipeline: string, assignments: readonly string[], window: WindowOptions): Promise<PipelineSpec> {
  const given = Object.entries(window).filter((entry): entry is [string, string] => entry[1] !== undefined);
  for (const [end, time] of given)
    if (!windowTime.safeParse(time).success) throw usageError(`--${end} ${JSON.stringify(time)} is no time: ${windowTimeHint}.`);
  const ends = given.map(([end, time]) => `source.window.${end}=${JSON.stringify(time)}`);
  try {
    return await loadPipeline(pipeline, [...assignments, ...ends]);
  } catch (error) {
    if (ends.length === 0 || !(error instanceof CommandError)) throw error;
    const whole = await loadPipeline(pipeline, assignments);
    if (whole.source.window !== undefined) throw error;
    throw usageError(withoutWindow(whole, given.map(([end]) => `--${end}`).join(' and ')));
  }
}

function withoutWindow({ name, source, columns }: PipelineSpec, options: string): string {
  const found = `The pipeline "${name}" reads its whole source, so ${options} has nothing to go by`;
  if (isImages(source)) return `${found}: images have no column of times. Name the folders of the images that are wanted in source.uri.`;
  const [column] = Object.entries(columns).find(([, { type }]) => type === 'timestamp') ?? ['<column>'];
  return `${found}: it names no column of times. Add window: { column: '${column}', since: '-7d' } to source in its file, or name the column for this run by --set source.window.column=${column}.`;
}
