import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runAnneal } from './anneal.js';
import { runDuckDb } from './duckdb.js';
import type { Measurement, Stage } from './measurement.js';

/** One run of one subject; prints a `Measurement` as JSON. Arguments: subject, source file, directory for files. */
const [subject, source, root] = process.argv.slice(2);
const directory = await mkdtemp(join(root, `${subject}-`));
const seconds = { ingest: 0, validate: 0, prepare: 0 };

async function timed(stage: Stage, work: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  await work();
  seconds[stage] += (performance.now() - startedAt) / 1000;
}

try {
  await (subject === 'duckdb' ? runDuckDb : runAnneal)(source, directory, timed);
} finally {
  await rm(directory, { recursive: true, force: true });
}
const measurement: Measurement = { seconds, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
process.stdout.write(JSON.stringify(measurement));
