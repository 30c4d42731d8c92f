import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ArtifactStore } from '../../contracts/artifact-store.js';
import { type LoggedPart, type PredictionLogIndex, predictionLogPointer } from '../../contracts/prediction-log.js';
import { withScratchDirectory } from '../../ml/scratch-directory.js';
import { type SegmentHeader, segmentFolders } from '../../serving/prediction-log/logged-version.js';
import { headerOf } from '../../serving/prediction-log/read-segment.js';
import { type LoggedRows, segmentsToParquet } from '../../serving/prediction-log/segments-to-parquet.js';
import { isAlive } from '../../ml/is-alive.js';

export interface PredictionLogKeeperOptions {
  readonly hostId: string;
  /** Where the serving processes of this host write their segments. */
  readonly directory: string;
  readonly store: ArtifactStore;
  readonly scratchRoot: string;
  readonly retentionDays: number;
  readonly logger: Logger;
  /** What does as `segmentsToParquet` in a place where nobody waits for it. @default on this thread */
  readonly toParquet?: ToParquet;
}

export type ToParquet = (
  segments: readonly string[],
  header: SegmentHeader,
  path: string,
  scratchRoot: string,
) => Promise<LoggedRows | undefined>;

const everyMs = 5000;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * Takes the segments that serving processes have closed, and those of processes that are gone, into the artifact store: a Parquet part
 * for each version, named in an index of the model and this host. One keeper a host.
 */
export class PredictionLogKeeper {
  constructor(private readonly options: PredictionLogKeeperOptions) {}

  /** Until `signal` is aborted; a store that is away is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.collect().catch((error: unknown) =>
        this.options.logger.warn({ error: String(error) }, 'logged predictions could not be stored; they wait on this disk'),
      );
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Take what is there now. Safe to repeat and to kill: a segment goes when an index names it. */
  async collect(): Promise<void> {
    const { directory } = this.options;
    const closed = join(directory, segmentFolders.closed);
    // Nothing has ever been logged.
    if (!(await stat(closed).catch(() => undefined))) return;
    await this.#adopt();
    const groups = new Map<string, { readonly header: SegmentHeader; readonly names: string[] }>();
    for (const name of (await readdir(closed)).sort()) {
      const header = await headerOf(join(closed, name));
      if (!header) {
        await rm(join(closed, name), { force: true });
        continue;
      }
      const key = JSON.stringify(header);
      const group = groups.get(key);
      if (group) group.names.push(name);
      else groups.set(key, { header, names: [name] });
    }
    for (const { header, names } of groups.values()) {
      await this.#store(header, names);
      for (const name of names) await rm(join(closed, name), { force: true });
    }
  }

  /** The segments of processes that were killed. */
  async #adopt(): Promise<void> {
    const { directory } = this.options;
    const open = join(directory, segmentFolders.open);
    for (const name of await readdir(open).catch(() => [])) {
      if (!isAlive(Number(name.split('-', 1)[0]))) await rename(join(open, name), join(directory, segmentFolders.closed, name));
    }
  }

  async #store(header: SegmentHeader, names: readonly string[]): Promise<void> {
    const { store, hostId, directory, scratchRoot, retentionDays } = this.options;
    const pointer = predictionLogPointer(header.model, hostId);
    const known = await store.getPointer(pointer);
    const index: PredictionLogIndex = known ? await store.readJson(known) : { formatVersion: 1, model: header.model, hostId, parts: [] };
    // Those of an attempt that was killed after it had named them.
    const fresh = names.filter((name) => !index.parts.some(({ segments }) => segments.includes(name)));
    const part = fresh.length > 0 ? await this.#part(header, fresh, join(directory, segmentFolders.closed), scratchRoot) : undefined;
    const oldestMs = Date.now() - retentionDays * dayMs;
    const expired = index.parts.filter(({ untilMs }) => untilMs < oldestMs);
    if (!part && expired.length === 0) return;
    const parts = [...index.parts.filter(({ untilMs }) => untilMs >= oldestMs), ...(part ? [part] : [])];
    await store.setPointer(pointer, await store.putJson({ ...index, parts }));
    // Equal rows would be one artifact; what another part names stays.
    for (const { data } of expired) if (!parts.some((kept) => kept.data.sha256 === data.sha256)) await store.remove(data);
    if (known) await store.remove(known);
  }

  #part(header: SegmentHeader, names: readonly string[], closed: string, scratchRoot: string): Promise<LoggedPart | undefined> {
    return withScratchDirectory(scratchRoot, async (scratch) => {
      const path = join(scratch, 'predictions.parquet');
      const { toParquet = segmentsToParquet } = this.options;
      const logged = await toParquet(
        names.map((name) => join(closed, name)),
        header,
        path,
        scratchRoot,
      );
      if (!logged) return undefined;
      return { data: await this.options.store.putFile(path), version: header.version, ...logged, segments: names };
    });
  }
}
