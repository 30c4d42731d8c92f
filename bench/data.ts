import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { writeFlights } from './data/flights.js';
import { type Measurement, type Subject, stages, subjects } from './data/measurement.js';

/**
 * Ingest, validate and prepare 3 and 30 million flights, beside plain DuckDB queries that read, profile and write the same
 * data. Every figure is of a process of its own; the subjects take turns, and the median over the rounds counts.
 */

const run = promisify(execFile);
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    copies: { type: 'string', default: '1,10' },
    rounds: { type: 'string', default: '3' },
    scratch: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`Usage: npm run bench:data [-- --json] [--copies 1,10] [--rounds 3] [--scratch <directory>]

--copies   how many times the file of 3 million flights is taken, with other keys each time
--scratch  where the data and the artifact stores lie meanwhile; 30 million rows need about 6 GB
`);
  process.exit(0);
}
const copies = options.copies.split(',').map((text) => positive('copies', text));
const rounds = positive('rounds', options.rounds);

const directory = await mkdtemp(join(options.scratch, 'anneal-bench-data-'));
try {
  const reports = [];
  for (const count of copies) reports.push(await measure(count));
  if (options.json) process.stdout.write(`${JSON.stringify({ threads: availableParallelism(), reports }, null, 2)}\n`);
  else process.stdout.write(reports.map(table).join('\n'));
} finally {
  await rm(directory, { recursive: true, force: true });
}

interface Report {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly subjects: Readonly<Record<Subject, Measurement>>;
}

async function measure(count: number): Promise<Report> {
  const path = join(directory, `flights-${count}.parquet`);
  const rows = await writeFlights(path, count);
  const measured: Record<Subject, Measurement[]> = { anneal: [], duckdb: [] };
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      const { stdout } = await run(process.execPath, [
        '--import',
        'tsx',
        fileURLToPath(import.meta.resolve('./data/child.ts')),
        subject,
        path,
        directory,
      ]);
      measured[subject].push(JSON.parse(stdout) as Measurement);
    }
  }
  const { size } = await stat(path);
  await rm(path);
  return { rows, sizeBytes: size, subjects: { anneal: typical(measured.anneal), duckdb: typical(measured.duckdb) } };
}

/** Stage by stage the median of the seconds; of the memory the largest. */
function typical(rounds: readonly Measurement[]): Measurement {
  const seconds = Object.fromEntries(stages.map((stage) => [stage, median(rounds.map((round) => round.seconds[stage]))]));
  return { seconds: seconds as Measurement['seconds'], peakMemoryBytes: Math.max(...rounds.map((round) => round.peakMemoryBytes)) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function table({ rows, sizeBytes, subjects: { anneal, duckdb } }: Report): string {
  const total = ({ seconds }: Measurement): number => stages.reduce((sum, stage) => sum + seconds[stage], 0);
  const line = (name: string, ours: number, theirs: number): string =>
    `| ${name.padEnd(8)} | ${ours.toFixed(2).padStart(8)} | ${theirs.toFixed(2).padStart(8)} | ${(ours / theirs).toFixed(2).padStart(5)} | ${thousands(rows / ours).padStart(13)} |`;
  return `${thousands(rows)} flights, Parquet of ${megabytes(sizeBytes)} MB, ${availableParallelism()} threads, median of ${rounds}

| stage    | anneal s | DuckDB s | ratio | anneal rows/s |
|----------|---------:|---------:|------:|--------------:|
${[...stages.map((stage) => line(stage, anneal.seconds[stage], duckdb.seconds[stage])), line('all', total(anneal), total(duckdb))].join('\n')}

peak memory of the process: anneal ${megabytes(anneal.peakMemoryBytes)} MB, DuckDB ${megabytes(duckdb.peakMemoryBytes)} MB
`;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return thousands(bytes / 1e6);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`--${name} is "${text}", expected whole numbers from 1. Leave it out for the default.\n`);
  process.exit(2);
}
