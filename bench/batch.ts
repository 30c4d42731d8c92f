import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { createBatchActivities } from '../activities/batch.js';
import { type BatchFormat, batchFormats, type BatchRequest, defaultPartitionRows } from '../contracts/batch.js';
import { batchWorkflowId } from '../contracts/ids.js';
import { taskQueues } from '../contracts/task-queues.js';
import { ScoringPool } from '../ml/batch/scoring-pool.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { batchInference } from '../workflows/batch-inference.js';
import { flightModel } from './batch/flight-model.js';
import { flightsPath } from './data/flights.js';

/**
 * Seconds of a whole batch job, from the start of its workflow to its manifest: the three million flights with the model of
 * `flight-delay`, on a Temporal server and a worker of its own.
 */
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    format: { type: 'string', default: 'parquet' },
    rounds: { type: 'string', default: '3' },
    'partition-rows': { type: 'string', default: String(defaultPartitionRows) },
    concurrency: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(
    `Usage: npm run bench:batch [-- --json] [--format ${batchFormats.join('|')}] [--rounds <n>] [--partition-rows <n>] [--concurrency <n>]\n`,
  );
  process.exit(0);
}

const root = await mkdtemp(join(tmpdir(), 'anneal-bench-batch-'));
const store = new FileArtifactStore(join(root, 'store'));
const pool = new ScoringPool();
const environment = await createWorkflowEnvironment();
const measurements: { readonly seconds: number; readonly rowsPerSecond: number }[] = [];
try {
  const bundle = await flightModel(store, root, await sample());
  const activities = {
    orchestration: { currentChampion: async () => ({ version: '1', bundle }) },
    data: { ...createBatchActivities({ store, scratchRoot: join(root, 'scratch'), pool }) },
    training: { unused: async () => undefined },
  };
  await withWorkers(environment, activities, async () => {
    for (let round = 0; round < Number(options.rounds); round++) {
      const request: BatchRequest = {
        model: 'flight-delay',
        job: `round-${round}`,
        source: { format: 'parquet', uri: flightsPath },
        directory: join(root, `output-${round}`),
        format: options.format as BatchFormat,
        keep: 'all',
        rejectOutOfRange: false,
        maxRejected: 1,
        concurrency: Number(options.concurrency),
        partitionRows: Number(options['partition-rows']),
      };
      const startedAt = performance.now();
      const { predicted, rejected, parts, sizeBytes } = await environment.client.workflow.execute<typeof batchInference>('batchInference', {
        workflowId: batchWorkflowId(request.model, request.job),
        taskQueue: taskQueues.orchestration,
        args: [{ request }],
      });
      const seconds = (performance.now() - startedAt) / 1000;
      measurements.push({ seconds, rowsPerSecond: predicted / seconds });
      if (!options.json)
        process.stdout.write(
          `round ${round + 1}: ${seconds.toFixed(1)} s, ${Math.round(predicted / seconds).toLocaleString('en-US')} rows/s (${predicted.toLocaleString('en-US')} predicted, ${rejected} rejected, ${parts} parts of ${options.format}, ${(sizeBytes / 1e6).toFixed(1)} MB, ${availableParallelism()} cores)\n`,
        );
      await rm(request.directory, { recursive: true });
    }
  });
  if (options.json) process.stdout.write(`${JSON.stringify({ format: options.format, cores: availableParallelism(), measurements })}\n`);
} finally {
  pool.close();
  await environment.teardown();
  await rm(root, { recursive: true, force: true, maxRetries: 3 });
}

/** One flight in thirty, of all months. */
async function sample(): Promise<string> {
  const path = join(root, 'sample.parquet');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(
      `COPY (SELECT * FROM read_parquet(${textLiteral(flightsPath)}) WHERE file_row_number % 30 = 0 AND delay >= -60) TO ${textLiteral(path)} (FORMAT parquet)`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return path;
}
