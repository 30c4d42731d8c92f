import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { IngestInput, IngestResult } from '../contracts/activities.js';
import type { Snapshot, SnapshotManifest } from '../contracts/dataset.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { dataSpec } from '../contracts/pipeline/data.js';
import type { ResolvedWindow } from '../contracts/pipeline/window.js';
import type { ArtifactRef } from '../contracts/reference.js';
import type { RemoteFiles } from '../contracts/remote-files.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { snapshotRelation } from '../ml/data/read/snapshot-relation.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import type { DataDependencies } from './data-stage.js';
import { createIngestActivities } from './ingest.js';

/** A store, a directory with sources, and the ingestion on them, in a mock of Temporal's context. */
export class IngestFixture {
  readonly root = mkdtempSync(join(tmpdir(), 'anneal-test-'));
  readonly store: FileArtifactStore;
  readonly scratchRoot = join(this.root, 'scratch');
  readonly beats: unknown[] = [];
  remote?: RemoteFiles;

  constructor() {
    this.store = new FileArtifactStore(join(this.root, 'store'));
  }

  get dependencies(): DataDependencies {
    const { remote } = this;
    return { store: this.store, projectRoot: this.root, scratchRoot: this.scratchRoot, ...(remote ? { remote } : {}) };
  }

  environment(attempt = 1): MockActivityEnvironment {
    const environment = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
    environment.on('heartbeat', (details: unknown) => this.beats.push(details));
    return environment;
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return name;
  }

  /** Write the result of a query as Parquet. */
  async parquet(name: string, query: string): Promise<string> {
    mkdirSync(dirname(join(this.root, name)), { recursive: true });
    const path = textLiteral(join(this.root, name));
    await withDataSession({ scratchRoot: this.scratchRoot }, (session) => session.run(`COPY (${query}) TO ${path} (FORMAT parquet)`));
    return name;
  }

  manifest({ manifest }: Snapshot): Promise<SnapshotManifest> {
    return this.store.readJson(manifest);
  }

  /** All rows of a snapshot, in their order. */
  async snapshotRows(snapshot: Snapshot): Promise<Record<string, unknown>[]> {
    const manifest = await this.manifest(snapshot);
    const paths = await Promise.all(manifest.parts.map(({ data }) => this.store.localPath(data)));
    return withDataSession({ scratchRoot: this.scratchRoot }, (session) => session.rows(snapshotRelation(paths, manifest)));
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

  /** All of a source in one go, as long as it is one partition. */
  async ingest(source: PipelineSpec['source'], environment = this.environment(), window?: ResolvedWindow): Promise<Snapshot> {
    const { ingestSource } = createIngestActivities(this.dependencies);
    const { snapshot } = await environment.run<[IngestInput], IngestResult, typeof ingestSource>(ingestSource, {
      source,
      data: dataSpec.parse({}),
      ...(window ? { window } : {}),
    });
    if (!snapshot) throw new Error('The source has more than one partition.');
    return snapshot;
  }

  /** What the stages have left behind in the scratch directory. */
  leftovers(): string[] {
    return readdirSync(this.scratchRoot);
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
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
