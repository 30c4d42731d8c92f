import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ValidationResult } from '../contracts/activities.js';
import type { PreparedDataset, Snapshot, SnapshotManifest } from '../contracts/dataset.js';
import { definePipeline, type PipelineInput, type PipelineSpec } from '../contracts/pipeline.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createIngestActivities } from './ingest.js';
import { createPrepareActivities } from './prepare.js';
import { createValidateActivities } from './validate.js';

/** A store, a directory with sources, and the activities of the data on them; each in a mock of Temporal's context. */
export class DataFixture {
  readonly root = mkdtempSync(join(tmpdir(), 'anneal-test-'));
  readonly store: FileArtifactStore;
  readonly scratchRoot = join(this.root, 'scratch');
  readonly beats: unknown[] = [];

  constructor() {
    this.store = new FileArtifactStore(join(this.root, 'store'));
  }

  get #dependencies() {
    return { store: this.store, projectRoot: this.root, scratchRoot: this.scratchRoot };
  }

  environment(): MockActivityEnvironment {
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    environment.on('heartbeat', (details: unknown) => this.beats.push(details));
    return environment;
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(join(this.root, name), content);
    return name;
  }

  /** Write the result of a query as Parquet. */
  async parquet(name: string, query: string): Promise<string> {
    const path = textLiteral(join(this.root, name));
    await withDataSession({ scratchRoot: this.scratchRoot }, (session) => session.run(`COPY (${query}) TO ${path} (FORMAT parquet)`));
    return name;
  }

  /** The first part of a snapshot. */
  async part({ manifest }: Snapshot): Promise<ArtifactRef> {
    const { parts } = await this.store.readJson<SnapshotManifest>(manifest);
    return parts[0].data;
  }

  /** Rows of a Parquet artifact. */
  async rows(ref: ArtifactRef, query = 'SELECT * FROM data'): Promise<Record<string, unknown>[]> {
    const path = textLiteral(await this.store.localPath(ref));
    return withDataSession({ scratchRoot: this.scratchRoot }, (session) =>
      session.rows(`WITH data AS (SELECT * FROM read_parquet(${path})) ${query}`),
    );
  }

  async matrix(ref: ArtifactRef | undefined): Promise<{ integers: number[]; floats: number[] }> {
    const bytes = Uint8Array.from(await this.store.readBytes(ref!));
    return { integers: Array.from(new Int32Array(bytes.buffer)), floats: Array.from(new Float32Array(bytes.buffer)) };
  }

  ingest(source: PipelineSpec['source'], environment = this.environment()): Promise<Snapshot> {
    return environment.run(createIngestActivities(this.#dependencies).ingestSource, { source });
  }

  async validate(spec: PipelineSpec, environment = this.environment()): Promise<ValidationResult> {
    const snapshot = await this.ingest(spec.source);
    return environment.run(createValidateActivities(this.#dependencies).validateDataset, { snapshot, spec });
  }

  async prepare(spec: PipelineSpec, environment = this.environment()): Promise<PreparedDataset> {
    const { clean } = await this.validate(spec);
    return environment.run(createPrepareActivities(this.#dependencies).prepareDataset, { clean: clean!, spec });
  }

  /** What the stages have left behind in the scratch directory. */
  leftovers(): string[] {
    return readdirSync(this.scratchRoot);
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A small pipeline over columns `when`, `amount`, `kind`; everything can be replaced. */
export function pipelineOf(uri: string, changes: Partial<PipelineInput> = {}): PipelineSpec {
  return definePipeline({
    name: 'fixture',
    source: { format: 'parquet', uri },
    columns: {
      when: { type: 'timestamp' },
      amount: { type: 'float', nullable: true },
      kind: { type: 'string' },
    },
    expectations: { minRows: 10, minRowsPerClass: 2 },
    target: { task: 'binary', name: 'large', expression: 'amount > 50' },
    split: { kind: 'random' },
    features: {
      kind: { kind: 'categorical', column: 'kind', minCount: 1 },
      hour: { kind: 'calendar', column: 'when', part: 'hour' },
    },
    model: { family: 'linear' },
    ...changes,
  });
}

/** `rows` rows for `pipelineOf`: hourly from 1969-12-01, amounts 0–100, kinds a, b, c. */
export function fixtureRows(rows: number): string {
  return `SELECT TIMESTAMP '1969-12-01 00:30:00' + INTERVAL (i) HOUR AS "when", CAST((i * 37) % 101 AS DOUBLE) AS amount, chr(97 + (i % 3)::INTEGER) AS kind FROM range(${rows}) AS t(i)`;
}

/** The failure that a promise rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<ApplicationFailure> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error as ApplicationFailure,
  );
  if (!outcome) throw new Error('It was expected to fail, and did not.');
  return outcome;
}
