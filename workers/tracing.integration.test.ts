import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { context, trace } from '@opentelemetry/api';
import { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { pipelineWorkflowId } from '../contracts/ids.js';
import { taskQueues } from '../contracts/task-queues.js';
import { currentTrace } from '../telemetry/current-trace.js';
import { FakeStages, testPipeline } from '../testing/fake-stages.js';
import { OtlpReceiver, type ReceivedSpan } from '../testing/otlp-receiver.js';
import { createWorkflowEnvironment, testWorkflowBundle, withWorkers } from '../testing/workflow-environment.js';
import type { trainingPipeline } from '../workflows/training-pipeline.js';
import { type TemporalTracing, traceTemporal } from './temporal-tracing.js';

describe('a run on workers that send spans', () => {
  let receiver: OtlpReceiver;
  let environment: TestWorkflowEnvironment;
  let tracing: TemporalTracing;
  beforeAll(async () => {
    [receiver, environment] = await Promise.all([OtlpReceiver.listen(), createWorkflowEnvironment()]);
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
    tracing = traceTemporal({ serviceName: 'anneal-test', onProblem: (problem) => console.error(problem) });
  });
  afterAll(async () => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    await tracing.close();
    await environment.teardown();
    await receiver.close();
  });

  async function runPipeline(client: Client, run: string): Promise<string> {
    const stages = new FakeStages({
      onActivity: async (name) => {
        if (name === 'ingestSource') carried = (await currentTrace()).traceparent;
      },
    });
    const spec = testPipeline();
    const workflowId = pipelineWorkflowId(spec.name, run);
    await withWorkers(
      environment,
      stages.activities(),
      () =>
        client.workflow.execute<typeof trainingPipeline>('trainingPipeline', {
          workflowId,
          taskQueue: taskQueues.orchestration,
          args: [{ spec }],
        }),
      tracing.worker,
    );
    await tracing.flush();
    return workflowId;
  }
  let carried: string | undefined;
  const named = (name: string) => receiver.spans.filter((span) => span.name === name);
  const parentOf = ({ parentSpanId }: ReceivedSpan) => receiver.spans.find(({ spanId }) => spanId === parentSpanId)?.name;

  it('is one trace, from the client over the workflows to the activities, and goes on with either form of the workflows', async () => {
    const client = new Client({ connection: environment.connection, namespace: environment.namespace, interceptors: tracing.client });
    const caller = tracing.tracer.startSpan('caller');
    const workflowId = await context.with(trace.setSpan(context.active(), caller), () => runPipeline(client, 'traced'));

    const { traceId } = caller.spanContext();
    expect(new Set(receiver.spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(receiver.spans.every(({ resource }) => resource['service.name'] === 'anneal-test')).toBe(true);
    const chain: string[] = [];
    for (
      let at: ReceivedSpan | undefined = named('RunActivity:trainModel')[0];
      at;
      at = receiver.spans.find(({ spanId }) => spanId === at!.parentSpanId)
    )
      chain.unshift(at.name);
    expect(chain).toEqual([
      'StartWorkflow:trainingPipeline',
      'RunWorkflow:trainingPipeline',
      'StartChildWorkflow:sweep',
      'RunWorkflow:sweep',
      'StartChildWorkflow:trial',
      'RunWorkflow:trial',
      'StartActivity:trainModel',
      'RunActivity:trainModel',
    ]);
    const [ingest] = named('RunActivity:ingestSource');
    expect(parentOf(ingest)).toBe('StartActivity:ingestSource');
    expect(carried).toBe(`00-${traceId}-${ingest.spanId}-01`);

    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    caller.end();
    await tracing.flush();
    const { sinks } = tracing.worker;
    for (const traced of [true, false])
      await Worker.runReplayHistory({ sinks, workflowBundle: await testWorkflowBundle({ traced }) }, history, workflowId);
  });

  it('makes no spans of workflows whose starter has none', async () => {
    receiver.spans.length = 0;
    await runPipeline(environment.client, 'untraced');
    expect(receiver.spans.filter(({ name }) => !name.startsWith('RunActivity:'))).toEqual([]);
    expect(named('RunActivity:trainModel').every(({ parentSpanId }) => parentSpanId === '')).toBe(true);
  });
});
