import type { ApplicationFailure } from '@temporalio/common';
import type { DataFixture } from '../../activities/data-fixture.js';
import { createPrepareActivities } from '../../activities/prepare.js';
import { createValidateActivities } from '../../activities/validate.js';
import type { ValidationResult } from '../../contracts/activities.js';
import type { Snapshot } from '../../contracts/dataset.js';
import type { Job } from './bad-case.js';

/** How far a job came. */
export interface CaseResult {
  readonly snapshot?: Snapshot;
  readonly validation?: ValidationResult;
  readonly isPrepared?: boolean;
  readonly failure?: ApplicationFailure;
}

/** Put a job through the activities of the data, one after the other, as a run would. */
export async function runCase(fixture: DataFixture, job: Job): Promise<CaseResult> {
  let result: CaseResult = {};
  try {
    const snapshot = await fixture.ingest('spec' in job ? job.spec.source : job.source);
    result = { snapshot };
    if (!('spec' in job)) return result;
    const { spec } = job;
    const { validateDataset } = createValidateActivities(fixture.dependencies);
    const validation: ValidationResult = await fixture.environment().run(validateDataset, { snapshot, spec });
    result = { snapshot, validation };
    if (!validation.passed || !validation.clean) return result;
    const { prepareDataset } = createPrepareActivities(fixture.dependencies);
    await fixture.environment().run(prepareDataset, { clean: validation.clean, spec });
    return { ...result, isPrepared: true };
  } catch (error) {
    return { ...result, failure: error as ApplicationFailure };
  }
}
