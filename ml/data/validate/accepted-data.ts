import type { ValidationReport } from '../../../contracts/dataset.js';
import type { ArtifactRef } from '../../../contracts/reference.js';
import { type DataContext, earlierWork, isReadable } from '../data-context.js';

/** Pointer to the validation report of the data that a pipeline's last run went on with. */
function pointerOf(pipeline: string): string {
  return `accepted/${pipeline}`;
}

/**
 * Make a validation report what the next run of the pipeline is compared with. Safe to repeat; the last writer wins.
 *
 * A step of its own, after the validation: a validation that is tried again must not find itself.
 */
export function acceptDataset({ store }: Pick<DataContext, 'store'>, pipeline: string, report: ArtifactRef): Promise<void> {
  return store.setPointer(pointerOf(pipeline), report);
}

/** @returns the report of the last accepted data; undefined when there is none, or it is damaged or cleaned away */
export async function lastAccepted(context: DataContext, pipeline: string): Promise<ValidationReport | undefined> {
  const ref = await earlierWork(context, pointerOf(pipeline));
  if (!ref || !(await isReadable(context, [ref]))) return undefined;
  return context.store.readJson<ValidationReport>(ref);
}
