import { CancellationScope, sleep, workflowInfo } from '@temporalio/workflow';
import type { RunOutcome, RunTags, TrackedRun, ValidationResult } from '../../contracts/activities.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { tracking } from '../proxies.js';

/**
 * The run's page in MLflow, opened while the data are read: MLflow may still be starting, and nothing needs it yet.
 * A run that fails early does not wait for an MLflow that is away.
 */
export class TrackedRunHandle {
  private readonly scope = new CancellationScope();
  private readonly opened: Promise<TrackedRun>;
  private open = false;
  /** One after the other, so that the last report is the one that stays. */
  private reported: Promise<void> = Promise.resolve();
  private reportsToCome = 0;

  constructor(spec: PipelineSpec, run: string, onOpen: (tracked: TrackedRun) => void) {
    const { workflowId, runId } = workflowInfo();
    this.opened = this.scope.run(() =>
      tracking.openRun.executeWithOptions({ summary: `experiment ${spec.name}` }, [{ spec, run, workflowId, temporalRunId: runId }]),
    );
    this.opened.then(
      (tracked) => {
        this.open = true;
        onOpen(tracked);
      },
      () => undefined,
    );
  }

  get isOpen(): boolean {
    return this.open;
  }

  get(): Promise<TrackedRun> {
    return this.opened;
  }

  /** Write tags onto the run's page as soon as it is open; nothing waits for it. */
  tag(tags: RunTags): void {
    this.opened
      .then((tracked) =>
        this.scope.run(() => tracking.tagRun.executeWithOptions({ summary: Object.keys(tags).join(', ') }, [{ tracked, tags }])),
      )
      .catch(() => undefined);
  }

  /** Bring the report of a validation there as soon as the page is open; only the end of the run waits for it. */
  report({ report, page }: ValidationResult): void {
    this.reportsToCome++;
    const before = this.reported;
    this.reported = Promise.all([this.opened, before])
      .then(([tracked]) =>
        this.scope.run(() =>
          tracking.logDataReport.executeWithOptions({ summary: 'data report' }, [{ tracked, validation: { report, page } }]),
        ),
      )
      .catch(() => undefined)
      .finally(() => void this.reportsToCome--);
  }

  /** Close the run's page with an outcome that is already certain; give up when MLflow stays away. */
  async close(outcome: RunOutcome, reason?: string): Promise<void> {
    await CancellationScope.nonCancellable(async () => {
      const tracked = await Promise.race([this.opened.catch(() => undefined), sleep('30 seconds', { summary: 'patience with MLflow' })]);
      if (!tracked) return this.scope.cancel();
      if (this.reportsToCome > 0) await Promise.race([this.reported, sleep('30 seconds', { summary: 'patience with MLflow' })]);
      const closing = new CancellationScope();
      const closed = closing
        .run(() => tracking.closeRun.executeWithOptions({ summary: outcome }, [{ tracked, outcome, reason }]))
        .catch(() => undefined);
      await Promise.race([closed, sleep('2 minutes', { summary: 'patience with MLflow' })]);
      closing.cancel();
      await closed;
    });
  }
}
