import type { Snapshot, ValidationReport } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { definePipeline, type PipelineInput } from '../../../contracts/pipeline.js';
import type { DataContext } from '../data-context.js';
import { withDataSession } from '../duckdb-session.js';
import { divideRows } from '../split/split-parts.js';
import { validateDataset } from '../validate/validate-dataset.js';

export interface Rehearsal {
  /** What a run's validation would report. */
  readonly report: ValidationReport;
  /** Why the split cannot be used, in the words of the run that it would end. */
  readonly unfit?: string;
}

/** What the first run of a pipeline would say of its data: the validation and the split, by the functions that the run uses. */
export async function rehearse(snapshot: Snapshot, definition: PipelineInput, context: DataContext): Promise<Rehearsal> {
  const spec = definePipeline(definition);
  const { report: ref, clean } = await validateDataset({ snapshot, spec }, context);
  const report = await context.store.readJson<ValidationReport>(ref);
  if (!clean) return { report };
  const path = await context.store.localPath(clean);
  const unfit = await withDataSession(context, (session) => divideRows(session, path, spec)).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof AnnealError && error.type === failureTypes.invalidData) return error.message;
      throw error;
    },
  );
  return { report, ...(unfit === undefined ? {} : { unfit }) };
}
