import { ApplicationFailure } from '@temporalio/workflow';
import type { ValidationResult } from '../../contracts/activities.js';
import type { Snapshot } from '../../contracts/dataset.js';
import { failureTypes } from '../../contracts/failures.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { data } from '../proxies.js';
import type { RunRecord } from './run-record.js';
import { count, type StageWithResult } from './staged.js';

/** The snapshot is held against the pipeline's expectations. @throws `InvalidData` when it does not meet them */
export function validate(spec: PipelineSpec, snapshot: Snapshot, staged: StageWithResult, record: RunRecord): Promise<ValidationResult> {
  return staged(
    'validate',
    () => data.validateDataset.executeWithOptions({ summary: `${count(snapshot.rows)} rows` }, [{ snapshot, spec }]),
    (result) => {
      record.learn({ anomalies: result.anomalies });
      if (!result.passed || !result.clean)
        throw ApplicationFailure.create({
          type: failureTypes.invalidData,
          nonRetryable: true,
          message: result.refusal,
          details: [result.anomalies],
        });
      const quarantined = result.quarantined.map(({ reason, rows }) => `${count(rows)} quarantined (${reason})`);
      return [`${count(result.rows)} rows pass`, ...quarantined].join(', ');
    },
  );
}
