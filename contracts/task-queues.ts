/** One queue for each kind of resource; more workers on a queue is how Anneal scales out. */
export const taskQueues = {
  /** Workflow tasks, and the light I/O activities that talk to MLflow. */
  orchestration: 'anneal-orchestration',
  /** DuckDB and evaluation: memory and disk. */
  data: 'anneal-data',
  /** Training: one slot for each device. */
  training: 'anneal-training',
  /** The shared `predict` activity. */
  inference: 'anneal-inference',
} as const;

/** The queue that reaches one inference host and no other. */
export function hostTaskQueue(hostId: string): string {
  return `anneal-host-${hostId}`;
}
