import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow';
import { figure } from '../../contracts/figure.js';
import type { TrackedRun } from '../../contracts/activities.js';
import type { CrossValidationInput, CrossValidationSummary } from '../../contracts/cross-validation.js';
import { crossValidationWorkflowId, parsePipelineWorkflowId } from '../../contracts/ids.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { primaryMetric } from '../../contracts/pipeline/primary-metric.js';
import type { crossValidation } from '../cross-validation.js';
import type { RunRecord } from './run-record.js';
import { count, type StageWithResult } from './staged.js';

interface CrossValidateContext {
  readonly staged: StageWithResult;
  readonly record: RunRecord;
  readonly openedRun: () => Promise<TrackedRun>;
}

/** The chosen configuration on every fold of the rows that are not for the test; skipped when the pipeline does not ask for it. */
export async function crossValidate(
  spec: PipelineSpec,
  input: Omit<CrossValidationInput, 'spec' | 'tracked' | 'crossValidation'>,
  { staged, record, openedRun }: CrossValidateContext,
): Promise<CrossValidationSummary | undefined> {
  const asked = spec.crossValidation;
  if (!asked) {
    record.skip('cross-validate', 'the pipeline has none');
    return undefined;
  }
  const { workflowId } = workflowInfo();
  return staged(
    'cross-validate',
    async () =>
      executeChild<typeof crossValidation>('crossValidation', {
        workflowId: crossValidationWorkflowId(workflowId),
        args: [{ ...input, spec, crossValidation: asked, tracked: await openedRun() }],
        staticSummary: `${asked.folds} folds, ${asked.kind}`,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      }),
    (summary) => {
      record.learn({ crossValidation: summary });
      if (summary.labelIssues && summary.labelIssues.rows > 0) record.warn(labelWarning(summary.labelIssues, workflowId));
      const metric = primaryMetric(spec);
      const figures = summary.metrics[metric];
      const result = figures ? `${metric} ${figure(figures.mean)} ± ${figure(figures.standardDeviation)}` : `${metric} n/a`;
      return `${result} on ${summary.folds.length} folds`;
    },
  );
}

function labelWarning({ rows, share }: { readonly rows: number; readonly share: number }, workflowId: string): string {
  const run = parsePipelineWorkflowId(workflowId)?.run ?? workflowId;
  const subject = rows === 1 ? '1 row is' : `${count(rows)} rows are`;
  return `${subject} worth a look: the label may be wrong, and noisy outcomes look the same (${(share * 100).toPrecision(2)} %); \`anneal labels ${run}\` lists ${rows === 1 ? 'it' : 'them'}.`;
}
