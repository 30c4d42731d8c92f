import { canonicalJson } from '../../contracts/canonical-json.js';
import type { BatchFormat, BatchIdentity, BatchManifest, BatchPart, PlannedBatch, Rejects } from '../../contracts/batch.js';
import type { BatchPlace, FileDigest, PlacedFile } from '../../contracts/batch-place.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { fileDigest } from './file-digest.js';

/** What a job notes of itself in its folder: enough to go on, whatever became of its workflow. */
export interface BatchClaim {
  readonly formatVersion: 1;
  readonly job: string;
  readonly identity: BatchIdentity;
  readonly planned: PlannedBatch;
}

/** What is told of a part beside its files. */
export interface PartFacts extends Pick<BatchPart, 'rows' | 'durationMs' | 'inputSha256'> {
  readonly rejected: number;
  readonly reasons: Rejects;
}

/** What a job needs to go on. */
export const hiddenFolder = '.anneal';
const claimName = `${hiddenFolder}/job.json`;
const manifestName = 'manifest.json';

/**
 * The output of a job, in whatever place.
 *
 * `part-00000.parquet`, … are the predictions, `rejects/` the rows that could not be predicted, `manifest.json` says that
 * all is there. `.anneal/` holds the job's claim and a record for each finished part. A file has its name once it is whole, and counts
 * once its record is there: any number of attempts at a part, also at once, leave one part.
 */
export class BatchFolder {
  constructor(
    readonly place: BatchPlace,
    private readonly format: BatchFormat,
  ) {}

  get manifestPath(): string {
    return this.place.pathOf(manifestName);
  }

  partName(partition: number): string {
    return `part-${String(partition).padStart(5, '0')}.${this.format}`;
  }

  rejectsName(partition: number): string {
    return `rejects/${this.partName(partition)}`;
  }

  /** @returns undefined where no job has claimed the folder. @throws AnnealError `InvalidRequest` when it holds other files */
  async claim(): Promise<BatchClaim | undefined> {
    const claim = await this.#readJson<BatchClaim>(claimName);
    if (claim) return claim;
    const foreign = (await this.place.entries()).filter((name) => name !== hiddenFolder);
    if (foreign.length === 0) return undefined;
    throw new AnnealError(
      failureTypes.invalidRequest,
      `The folder ${this.place.uri} cannot take the output of a batch job, since it holds other files ("${foreign[0]}"${foreign.length > 1 ? ` and ${foreign.length - 1} more` : ''}). Name a folder that is empty or not there yet (--output).`,
    );
  }

  /** Claim the folder. @returns the claim that holds, which is another one when somebody was faster */
  async setClaim(claim: BatchClaim): Promise<BatchClaim> {
    await this.place.create(claimName, canonicalJson(claim));
    return (await this.#readJson<BatchClaim>(claimName))!;
  }

  /** What an earlier attempt has finished, if its files are still there. */
  async finished(partition: number): Promise<BatchPart | undefined> {
    const part = await this.#readJson<BatchPart>(this.#recordName(partition));
    if (!part) return undefined;
    const sizes = await Promise.all(filesOf(part).map(({ name }) => this.place.sizeOf(name)));
    return filesOf(part).every(({ sizeBytes }, i) => sizes[i] === sizeBytes) ? part : undefined;
  }

  /**
   * Make files that are whole the part of a partition. Safe to repeat and to kill at any moment.
   *
   * @param files paths of the predictions and of the rejected rows, in a temporary directory of the place; those that are absent have no
   *   rows
   */
  async publish(partition: number, files: { readonly part?: string; readonly rejected?: string }, facts: PartFacts): Promise<BatchPart> {
    const part = await placed(files.part, this.partName(partition));
    const rejected = await placed(files.rejected, this.rejectsName(partition));
    const record: BatchPart = {
      ...(part ? { name: part.name, sha256: part.sha256 } : {}),
      rows: facts.rows,
      sizeBytes: part?.sizeBytes ?? 0,
      ...(rejected
        ? {
            rejected: {
              name: rejected.name,
              rows: facts.rejected,
              reasons: facts.reasons,
              sha256: rejected.sha256,
              sizeBytes: rejected.sizeBytes,
            },
          }
        : {}),
      durationMs: facts.durationMs,
      ...(facts.inputSha256 === undefined ? {} : { inputSha256: facts.inputSha256 }),
    };
    await this.place.take([...(part ? [part] : []), ...(rejected ? [rejected] : [])]);
    await this.place.replace(this.#recordName(partition), canonicalJson(record));
    return record;
  }

  /** @returns the part when its files are as they were written; its record is removed when they are not, so that it is made again */
  async verified(partition: number, signal?: AbortSignal): Promise<BatchPart | undefined> {
    const part = await this.#readJson<BatchPart>(this.#recordName(partition));
    if (!part) return undefined;
    for (const file of filesOf(part)) {
      const found = await this.place.digestOf(file.name, signal);
      if (found?.sha256 === file.sha256) continue;
      await this.place.remove(this.#recordName(partition));
      return undefined;
    }
    return part;
  }

  /** @returns whether the job has ended */
  async hasManifest(): Promise<boolean> {
    return (await this.#readJson<BatchManifest>(manifestName)) !== undefined;
  }

  /** Written last: whoever sees it has all parts. */
  async writeManifest(manifest: BatchManifest): Promise<void> {
    await this.place.finish();
    await this.place.replace(manifestName, `${JSON.stringify(manifest, undefined, 2)}\n`);
  }

  #recordName(partition: number): string {
    return `${hiddenFolder}/parts/${this.partName(partition)}.json`;
  }

  /** @returns undefined when there is no such file, or only a piece of one */
  async #readJson<T>(name: string): Promise<T | undefined> {
    const text = await this.place.read(name);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch {
      return undefined;
    }
  }
}

interface PartFile extends FileDigest {
  readonly name: string;
}

function filesOf({ name, sizeBytes, sha256, rejected }: BatchPart): PartFile[] {
  return [...(name === undefined || sha256 === undefined ? [] : [{ name, sizeBytes, sha256 }]), ...(rejected ? [rejected] : [])];
}

async function placed(path: string | undefined, name: string): Promise<PlacedFile | undefined> {
  return path === undefined ? undefined : { path, name, ...(await fileDigest(path)) };
}
