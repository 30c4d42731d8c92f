import { segmentsToParquet } from '../../serving/prediction-log/segments-to-parquet.js';
import { lowestPriority, lowerProcess } from '../../serving/low-priority.js';
import type { ParquetReply, ParquetRequest } from './log-parquet.js';

/** Makes Parquet of logged predictions, one piece of work after the other, on what of the processor nobody else wants. */

if (!process.send) throw new Error('log-parquet-process.ts is started by the inference worker: run workers/inference.ts.');

lowerProcess(process.pid, lowestPriority);

process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

process.on('message', ({ segments, header, path, scratchRoot }: ParquetRequest) => {
  const made = segmentsToParquet(segments, header, path, scratchRoot);
  made.then(
    (rows) => reply(rows ? { rows } : {}),
    (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }),
  );
});

function reply(message: ParquetReply): void {
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}
