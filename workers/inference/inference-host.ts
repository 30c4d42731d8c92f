import type { Logger } from 'pino';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type {
  ActivateVersionInput,
  LoadVersionInput,
  LoadVersionResult,
  PredictInput,
  PredictResult,
  ServedVersion,
  ServingTarget,
} from '../../contracts/serving.js';
import { stageVersion } from '../../serving/loader/stage-version.js';
import type { VersionLoader } from '../../serving/loader/version-loader.js';
import { currentTrace } from '../../telemetry/current-trace.js';
import type { ServingMember } from './serving-member.js';
import type { ServingPool } from './serving-pool.js';
import type { CachedModel, VersionCache } from './version-cache.js';

interface HostedModel {
  lineage?: string;
  /** Of the newest activation that this host has taken; older ones are ignored. */
  epoch: number;
  active?: ServedVersion;
  previous?: ServedVersion;
  /** Loaded for a rollout that has not activated them, by version. */
  readonly staged: Map<string, ServedVersion>;
  /** Serving processes that do not hold `active`, since it could not be loaded again after a restart. */
  readonly missingIn: Set<Pick<ServingMember, 'request'>>;
  /** None has tried yet to load what was served before. */
  isUntried: boolean;
  /** One change of a model at a time. */
  turn: Promise<unknown>;
}

export interface InferenceHostOptions {
  readonly hostId: string;
  readonly cache: VersionCache;
  readonly loader: VersionLoader;
  readonly logger: Logger;
}

type Processes = Pick<ServingPool, 'broadcast' | 'ask'>;

/**
 * What one host serves, and how that changes: by a rollout's activities, by the watcher, or from the local cache.
 *
 * All three may happen at the same time. Changes of a model run one after the other, each is safe to repeat, and epochs fence:
 * an activation older than what the host knows does nothing.
 */
export class InferenceHost {
  readonly #models = new Map<string, HostedModel>();
  /** Versions whose files are in use although no model holds them yet. */
  readonly #loading = new Set<ServedVersion>();
  #processes: Processes | undefined;

  private constructor(private readonly options: InferenceHostOptions) {}

  /** Read what was served last; nothing is loaded before `restore`. */
  static async open(options: InferenceHostOptions): Promise<InferenceHost> {
    const host = new InferenceHost(options);
    const saved = await options.cache.saved((file) =>
      options.logger.warn({ file }, 'this state file cannot be read; the model comes back with its next rollout'),
    );
    for (const { model, lineage, epoch, active, previous } of saved) {
      host.#models.set(model, { lineage, epoch, active, previous, ...nothingLoaded(), isUntried: true });
    }
    return host;
  }

  attach(processes: Processes): void {
    this.#processes = processes;
  }

  get hostId(): string {
    return this.options.hostId;
  }

  /** Models with an active version. */
  models(): string[] {
    return [...this.#models].filter(([, hosted]) => hosted.active).map(([model]) => model);
  }

  /** The newest epoch that this host has taken, and the version that it serves. */
  known(model: string): { readonly epoch: number; readonly version?: string } {
    const hosted = this.#models.get(model);
    return { epoch: hosted?.epoch ?? 0, version: hosted && isMissing(hosted) ? undefined : hosted?.active?.version };
  }

  /** Load into a new serving process what the host serves. */
  async restore(member: Pick<ServingMember, 'request'>): Promise<void> {
    const into: Processes = {
      broadcast: async (command, input) => [await member.request(command, input)],
      ask: (command, input) => member.request(command, input),
    };
    await Promise.all(
      this.models().map((model) =>
        this.#inTurn(model, async (hosted) => {
          let isHeld = false;
          await this.#restoreModel(model, hosted, into, () => {
            isHeld = true;
            hosted.missingIn.delete(member);
          }).catch((error: unknown) => {
            if (!isHeld) hosted.missingIn.add(member);
            throw error;
          });
        }).catch((error: unknown) => this.#notRestored(model, error)),
      ),
    );
  }

  /**
   * Try again what a serving process could not load when it started: the artifact store may be back, with Temporal still away.
   *
   * @returns whether every process holds what the host serves
   */
  async restoreMissing(): Promise<boolean> {
    const missing = [...this.#models].filter(([, { active, missingIn }]) => active && missingIn.size > 0);
    await Promise.all(
      missing.map(([model]) =>
        this.#inTurn(model, async (hosted) => {
          if (hosted.missingIn.size > 0) await this.#restoreModel(model, hosted, this.#all(), () => hosted.missingIn.clear());
        }).catch((error: unknown) => this.#notRestored(model, error)),
      ),
    );
    return missing.every(([, { missingIn }]) => missingIn.size === 0);
  }

  async #restoreModel(model: string, hosted: HostedModel, into: Processes, onActive: () => void): Promise<void> {
    const { active, previous, epoch } = hosted;
    if (!active) return;
    await this.#stage(model, hosted, active, into);
    await into.broadcast('activate', { model, version: active.version, epoch });
    hosted.isUntried = false;
    onActive();
    this.options.logger.info({ model, version: active.version, epoch }, 'serving again from the local cache');
    for (const version of [previous, ...hosted.staged.values()]) if (version) await this.#stage(model, hosted, version, into);
  }

  #notRestored(model: string, error: unknown): void {
    this.options.logger.error({ model, error: String(error) }, 'the version that was served last could not be loaded; it is tried again');
  }

  /**
   * Note which lifecycle a model follows. A new one counts its epochs from the start, so the old fence falls;
   * what is served stays until the new lifecycle has a champion.
   */
  async follow(model: string, lineage: string): Promise<void> {
    await this.#inTurn(model, async (hosted) => {
      if (hosted.lineage === lineage) return;
      if (hosted.lineage !== undefined) {
        this.options.logger.warn(
          { model, epoch: hosted.epoch },
          'the lifecycle of this model was started anew; its epochs count from the start',
        );
        hosted.epoch = 0;
      }
      hosted.lineage = lineage;
    });
  }

  /** Activity `loadVersion`. */
  async load({ model, version, epoch, activate }: LoadVersionInput): Promise<LoadVersionResult> {
    return this.#inTurn(model, async (hosted) => {
      if (epoch < hosted.epoch) {
        throw new AnnealError(
          failureTypes.rolloutFailed,
          `Host ${this.hostId} did not load version ${version.version} of ${model}: the rollout has epoch ${epoch}, and the host has already taken epoch ${hosted.epoch}. A newer rollout went past this one; promote the version again if it is still wanted.`,
        );
      }
      const loaded = { hostId: this.hostId, ...(await this.#stage(model, hosted, version)) };
      if (!activate) return loaded;
      await this.#activate(model, hosted, version, epoch);
      return { ...loaded, activated: true };
    });
  }

  /** Activity `activateVersion`; an epoch older than the known one is ignored. */
  async activate({ model, version, epoch }: ActivateVersionInput): Promise<{ readonly hostId: string; readonly epoch: number }> {
    return this.#inTurn(model, async (hosted) => {
      if (epoch >= hosted.epoch) {
        const served = [hosted.staged.get(version), hosted.active, hosted.previous].find((each) => each?.version === version);
        if (!served) throw new Error(`Host ${this.hostId} holds no version ${version} of ${model}: it was restarted since it loaded it.`);
        await this.#activate(model, hosted, served, epoch);
      }
      return { hostId: this.hostId, epoch: hosted.epoch };
    });
  }

  /**
   * Bring the host to what the lifecycle says, if that is newer than what it has.
   *
   * @throws as `load` does; what is served stays
   */
  async reconcile(model: string, { epoch, champion }: ServingTarget): Promise<void> {
    await this.#inTurn(model, async (hosted) => {
      if (!champion) return;
      const isCurrent = epoch === hosted.epoch && isSame(hosted.active, champion) && !isMissing(hosted);
      if (epoch < hosted.epoch || isCurrent) return;
      await this.#activate(model, hosted, champion, epoch);
    });
  }

  async predict(input: PredictInput): Promise<PredictResult> {
    return this.#all().ask('predict', { ...input, trace: await currentTrace() });
  }

  async #stage(
    model: string,
    hosted: HostedModel,
    version: ServedVersion,
    into: Processes = this.#all(),
  ): Promise<Omit<LoadVersionResult, 'hostId'>> {
    const { cache, loader } = this.options;
    this.#loading.add(version);
    try {
      const files = await cache.files(version.bundle);
      const prepared = await stageVersion(
        (each) => loader.prepare(each),
        (command, input) => into.broadcast(command, input),
        { model, version: version.version, files },
      ).catch((error: unknown) => {
        loader.forget(files);
        throw error;
      });
      if (!isSame(hosted.active, version) && !isSame(hosted.previous, version)) hosted.staged.set(version.version, version);
      return { loadMs: prepared.loadMs, goldenDifference: prepared.goldenDifference };
    } catch (error) {
      cache.distrust(version.bundle);
      throw error;
    } finally {
      this.#loading.delete(version);
    }
  }

  async #activate(model: string, hosted: HostedModel, version: ServedVersion, epoch: number): Promise<void> {
    // Costs nothing where it is loaded already, and covers a serving process that was restarted since.
    await this.#stage(model, hosted, version);
    await this.#all().broadcast('activate', { model, version: version.version, epoch });
    if (hosted.active && !isSame(hosted.active, version)) hosted.previous = hosted.active;
    hosted.active = version;
    hosted.epoch = epoch;
    hosted.isUntried = false;
    hosted.missingIn.clear();
    hosted.staged.clear();
    this.options.logger.info({ model, version: version.version, epoch }, 'serving');
    await this.#onDisk(model, () => this.options.cache.save(cachedModel(model, hosted, version)));
    // Nobody who waits for the activation waits for this.
    void this.#inTurn(model, () => this.#onDisk(model, () => this.#removeUnused()));
  }

  /** The disk is for the next start: that it fails must not undo what is served now. */
  async #onDisk(model: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.options.logger.error(
        { model, error: String(error) },
        'the local cache could not be written; a restart would serve the version before',
      );
    }
  }

  async #removeUnused(): Promise<void> {
    const held = [...this.#models.values()].flatMap((hosted) => [hosted.active, hosted.previous, ...hosted.staged.values()]);
    const kept = [...held, ...this.#loading].filter((version) => version !== undefined);
    await this.options.cache.keepOnly(kept);
    await this.options.loader.keepOnly(new Set(kept.map(({ bundle }) => bundle.model.sha256)));
  }

  #all(): Processes {
    if (!this.#processes) throw new Error('The serving processes of this host are not running.');
    return this.#processes;
  }

  #inTurn<T>(model: string, change: (hosted: HostedModel) => Promise<T>): Promise<T> {
    let hosted = this.#models.get(model);
    if (!hosted) this.#models.set(model, (hosted = { epoch: 0, ...nothingLoaded(), isUntried: false }));
    const entry = hosted;
    const result = entry.turn.then(() => change(entry));
    entry.turn = result.catch(() => undefined);
    return result;
  }
}

function nothingLoaded(): Pick<HostedModel, 'staged' | 'missingIn' | 'turn'> {
  return { staged: new Map(), missingIn: new Set(), turn: Promise.resolve() };
}

function isMissing({ isUntried, missingIn }: HostedModel): boolean {
  return isUntried || missingIn.size > 0;
}

function cachedModel(model: string, { lineage, epoch, previous }: HostedModel, active: ServedVersion): CachedModel {
  return { formatVersion: 1, model, lineage, epoch, active, previous };
}

/** A registry that was set up anew gives the same numbers to other models. */
function isSame(a: ServedVersion | undefined, b: ServedVersion): boolean {
  return a?.version === b.version && a.bundle.model.sha256 === b.bundle.model.sha256;
}
