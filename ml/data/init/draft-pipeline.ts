import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '../../../contracts/artifact-store.js';
import type { Anomaly } from '../../../contracts/dataset.js';
import type { FrozenSchema } from '../../../contracts/pipeline.js';
import type { Task } from './choose-target.js';
import { type FileSource, mapSourceUris } from '../../../contracts/pipeline/source.js';
import type { RemoteFiles } from '../../../contracts/remote-files.js';
import { inferSchema } from '../checks/infer-schema.js';
import type { DataContext } from '../data-context.js';
import { noFindings } from './findings.js';
import { heedRehearsal } from './heed-rehearsal.js';
import { inferPipeline, type InferredPipeline } from './infer-pipeline.js';
import { inspectSource } from './inspect-source.js';
import { rehearse } from './rehearse.js';

export interface DraftRequest {
  readonly name: string;
  /** Files, folders or patterns, here or in S3. */
  readonly places: readonly string[];
  readonly format?: FileSource['format'];
  /** Images have their folder for a target by default. */
  readonly target?: string;
  readonly task?: Task;
}

export interface DraftedPipeline extends InferredPipeline {
  readonly rows: number;
  /** Of the source, used or not. */
  readonly columnCount: number;
  /** What reading the source has come upon, such as images that cannot be used, sentences. */
  readonly notes: readonly string[];
  /** What the first run will say of the data. */
  readonly anomalies: readonly Anomaly[];
  /** Why a run would end at the split, where no better one was found. */
  readonly unfit?: string;
  /** What the data are like, for later data to be held against. */
  readonly schema?: FrozenSchema;
}

/** Each draft removes what the one before was blamed for; features that give the label away come to light one after the other. */
const mostDrafts = 6;

/**
 * Look at a data set, write a pipeline for it, and mend it by what the validation of a run says, until that has nothing left
 * to say that another draft would do better.
 *
 * @param projectRoot directory that relative paths and `npm:` names are resolved from
 * @param scratchRoot where a directory is made for the time of the work
 * @param portable how a place is written into the definition
 * @param remote where `s3://` places are read from
 * @param onProgress told of each step of the work as it begins
 * @throws AnnealError `SourceUnavailable` when the source cannot be read, `InvalidData` when no model can be made of it
 */
export async function draftPipeline(
  { name, places, format, target, task }: DraftRequest,
  projectRoot: string,
  scratchRoot: string,
  storeAt: (directory: string) => ArtifactStore,
  portable: (uri: string) => string,
  remote?: RemoteFiles,
  onProgress?: DataContext['onProgress'],
): Promise<DraftedPipeline> {
  const directory = await mkdtemp(join(scratchRoot, 'anneal-init-'));
  try {
    const context: DataContext = {
      store: storeAt(join(directory, 'store')),
      scratchRoot: directory,
      ...(remote ? { remote } : {}),
      onProgress,
    };
    const look = (isNumbered: boolean) => inspectSource({ places, format, column: target, isNumbered }, projectRoot, context);
    let inspected = await look(false);
    let findings = noFindings;
    for (let draft = 1; ; draft++) {
      if (findings.isNumbered && inspected.rowNumber === undefined) inspected = await look(true);
      const { source, remark, snapshot, columns, rowNumber } = inspected;
      const { rows } = snapshot;
      const written = mapSourceUris(source, portable);
      const inferred = inferPipeline({ name, source: written, target, task, rows, columns, rowNumber, sourceRemark: remark, findings });
      const rehearsal = await rehearse(snapshot, inferred.definition, context);
      const next = draft < mostDrafts ? heedRehearsal(rehearsal, inferred.definition, findings) : undefined;
      if (next) findings = next;
      else {
        const { report, unfit } = rehearsal;
        const schema = report.columns && inferSchema(report, report.columns);
        // Columns that are not used are told of already, and the frozen schema knows them.
        const anomalies = report.anomalies.filter(({ rule }) => rule !== 'extra-column');
        return { ...inferred, rows, columnCount: columns.length, notes: snapshot.notes ?? [], anomalies, unfit, schema };
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
