import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { HostActivities } from '../contracts/activities.js';
import { searchAttributes } from '../contracts/search-attributes.js';
import { hostTaskQueue, taskQueues } from '../contracts/task-queues.js';
import { bundledWorkflows } from '../workers/workflow-bundle.js';
import { executable } from './servers.js';

/** Another program may take the free port that was found before the server listens there. */
const startTries = 3;

/** A dev server of the test's own, in memory, with Anneal's search attributes. Call `teardown()` at the end. */
export async function createWorkflowEnvironment(dynamicConfig: Readonly<Record<string, string>> = {}): Promise<TestWorkflowEnvironment> {
  installQuietRuntime();
  for (let tries = 1; ; tries++) {
    try {
      return await TestWorkflowEnvironment.createLocal({
        server: {
          executable: { type: 'existing-path', path: executable('temporal') },
          searchAttributes: Object.values(searchAttributes),
          extraArgs: Object.entries(dynamicConfig).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
          log: { format: 'pretty', level: 'error' },
        },
      });
    } catch (error) {
      if (tries === startTries) throw error;
    }
  }
}

let installed = false;

/** Temporal's core logs in the tests' output would hide what matters. */
function installQuietRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
}

const bundles = new Map<boolean, Promise<{ code: string }>>();

/** The workflows, bundled once for the same sources; `traced`: as workers that send spans have them. */
export function testWorkflowBundle({ traced = false } = {}): Promise<{ code: string }> {
  installQuietRuntime();
  const silent = () => undefined;
  let bundle = bundles.get(traced);
  if (!bundle) {
    const logger = { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: console.error };
    bundle = bundledWorkflows(traced, logger).then((code) => ({ code }));
    bundles.set(traced, bundle);
  }
  return bundle;
}

/** A cancellation comes with the answer to a heartbeat. */
const promptHeartbeats = {
  maxHeartbeatThrottleInterval: '200 milliseconds',
  defaultHeartbeatThrottleInterval: '200 milliseconds',
} as const;

type ActivityMap = Readonly<Record<string, (input: never) => Promise<unknown>>>;

/** Activities by the queue that runs them. */
export interface TestActivities {
  readonly orchestration: ActivityMap;
  readonly data: ActivityMap;
  readonly training: ActivityMap;
  readonly hosts?: Readonly<Record<string, HostActivities>>;
}

/** Run `work` with a worker for the workflows and one for each kind of activity; ends when all of them have stopped. */
export async function withWorkers<T>(
  environment: TestWorkflowEnvironment,
  activities: TestActivities,
  work: () => Promise<T>,
  traced?: Pick<WorkerOptions, 'interceptors' | 'sinks'>,
): Promise<T> {
  const connection = environment.nativeConnection;
  const shared = {
    ...traced,
    connection,
    namespace: environment.namespace,
    shutdownForceTime: '2 seconds',
    ...promptHeartbeats,
  } as const;
  const workers = await Promise.all([
    Worker.create({
      ...shared,
      taskQueue: taskQueues.orchestration,
      workflowBundle: await testWorkflowBundle({ traced: traced !== undefined }),
      activities: { ...activities.orchestration },
    }),
    Worker.create({ ...shared, taskQueue: taskQueues.data, activities: { ...activities.data } }),
    Worker.create({ ...shared, taskQueue: taskQueues.training, activities: { ...activities.training } }),
    ...Object.entries(activities.hosts ?? {}).map(([hostId, host]) =>
      Worker.create({ ...shared, taskQueue: hostTaskQueue(hostId), activities: { ...host } }),
    ),
  ]);
  const running = workers.map((worker) => worker.run());
  try {
    return await work();
  } finally {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(running);
  }
}
