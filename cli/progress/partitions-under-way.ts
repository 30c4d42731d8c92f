import type { WorkflowExecutionDescription } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { PartitionProgress } from '../../contracts/batch.js';

/** How far the partitions are that workers have now, by their last heartbeats. */
export function partitionsUnderWay({ raw }: Pick<WorkflowExecutionDescription, 'raw'>): PartitionProgress[] {
  return (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => {
    const payload = heartbeatDetails?.payloads?.[0];
    return payload ? [defaultPayloadConverter.fromPayload<PartitionProgress>(payload)] : [];
  });
}
