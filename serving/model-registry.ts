import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { VersionPlace } from '../contracts/serving-places.js';
import type { ModelExecutor } from './executors/executor.js';
import { HttpError } from './http/http-error.js';

export interface ServedModel {
  readonly name: string;
  readonly version: string;
  readonly executor: ModelExecutor;
}

export interface ModelState {
  readonly name: string;
  readonly version?: string;
  readonly epoch: number;
  /** Versions that answer when they are asked for by number, the active one included. */
  readonly loaded: readonly string[];
}

/** One line of Triton's repository index. */
export interface IndexEntry {
  readonly name: string;
  readonly version?: string;
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE';
  readonly reason: string;
}

/** Why a fallback model did not answer: it does not serve on this host, has other columns or classes, or failed as well. */
export type NoFallback = 'absent' | 'differs' | 'failed';

interface Entry {
  epoch: number;
  active?: ServedModel;
  previous?: ServedModel;
  /** Newest last. The same version may be here twice, when it was loaded again from other files. */
  loaded: readonly ServedModel[];
}

/**
 * Which versions this process holds, and which one of each model answers.
 *
 * Activation is the assignment of one pointer, so a request sees either the old version or the new one. A version that is
 * released finishes what it has been given: lookup and submission of a request happen in one turn of the event loop.
 */
export class ModelRegistry {
  readonly #models = new Map<string, Entry>();
  readonly #expected = new Set<string>();
  /** Clients cannot choose the process that answers them: none is ready before all of the host are. */
  awaitsOthers = false;
  /** Told when the fallback model of a model was wanted and did not answer. */
  onNoFallback?: (model: string, why: NoFallback) => void;

  /** Announce models that are about to be loaded: until then they are "not ready" rather than unknown. */
  expect(models: readonly string[]): void {
    for (const model of models) this.#expected.add(model);
  }

  /** The model could not be loaded after all. */
  unexpect(model: string): void {
    this.#expected.delete(model);
  }

  get isReady(): boolean {
    if (this.awaitsOthers) return false;
    const active = [...this.#models].filter(([, entry]) => entry.active);
    return active.length > 0 && [...this.#expected].every((model) => this.#models.get(model)?.active !== undefined);
  }

  /** @returns the newest load of a version */
  find(model: string, version: string): ServedModel | undefined {
    return this.#models.get(model)?.loaded.findLast((served) => served.version === version);
  }

  /** @returns what a request for this model and version reaches; without a version the active one */
  peek(model: string, version?: string): ServedModel | undefined {
    const active = this.#models.get(model)?.active;
    return version === undefined || version === active?.version ? active : this.find(model, version);
  }

  /**
   * @param version default: the active one
   * @throws HttpError 503 while nothing is loaded, AnnealError `UnknownModelVersion` for a name or a version that is not here
   */
  resolve(model: string, version?: string): ServedModel {
    const entry = this.#models.get(model);
    const found = this.peek(model, version);
    if (found) return found;
    const names = this.list().filter((state) => state.version !== undefined);
    if (names.length === 0 || (this.#expected.has(model) && !entry?.active)) {
      const message = this.#expected.has(model)
        ? 'The last version of the model is still being loaded. Try again shortly.'
        : 'No version of a model is loaded yet. Try again shortly, or promote a version if there is none.';
      throw new HttpError(503, message, { 'retry-after': '1' });
    }
    const here = entry?.active
      ? `This host has no such version of the model. ${heldVersions(entry, entry.active.version)} Correct the version, or leave it out to reach the active one.`
      : `This host serves no model of that name; it serves ${names.map((state) => state.name).join(', ')}. Correct the name.`;
    throw new AnnealError(failureTypes.unknownModelVersion, here);
  }

  list(): ModelState[] {
    return [...this.#models].map(([name, entry]) => ({
      name,
      version: entry.active?.version,
      epoch: entry.epoch,
      loaded: versionsOf(entry),
    }));
  }

  /** Everything that is loaded; a version that was loaded again from other files may be here twice. */
  held(): readonly ServedModel[] {
    return [...this.#models.values()].flatMap((entry) => entry.loaded);
  }

  /** Where each version executes. */
  places(): VersionPlace[] {
    return this.held().map((served) => {
      const { name: model, version, executor } = served;
      const { wanted = 0, alive = 0, pids = [] } = executor.executors ?? {};
      const state = executor.isDown ? 'down' : alive < wanted ? 'restarting' : 'up';
      const isActive = this.#models.get(model)?.active === served;
      return { model, version, isActive, placement: executor.placement, state, executors: wanted, alive, pids };
    });
  }

  /** @returns the versions of a model that answer when they are asked for by number */
  versions(model: string): readonly string[] {
    const entry = this.#models.get(model);
    return entry ? versionsOf(entry) : [];
  }

  /** @returns the version that a label names now: `champion` or `previous` */
  peekLabel(model: string, label: string): ServedModel | undefined {
    const entry = this.#models.get(model);
    return label === 'champion' ? entry?.active : label === 'previous' ? entry?.previous : undefined;
  }

  /**
   * @param label `champion`: the version that answers by default; `previous`: the one before it, if there was one
   * @throws AnnealError `UnknownModelVersion`, HttpError 503 as `resolve` does
   */
  resolveLabel(model: string, label: string): ServedModel {
    this.resolve(model);
    const labelled = this.peekLabel(model, label);
    if (labelled) return labelled;
    throw new AnnealError(
      failureTypes.unknownModelVersion,
      'This host knows no version of the model by that label. It knows "champion", and "previous" once there was a promotion after the first.',
    );
  }

  /**
   * Every version that answers when it is asked for, and the models that are about to be loaded.
   *
   * @param isReadyOnly leave the latter out
   */
  index(isReadyOnly = false): IndexEntry[] {
    const loaded = this.list().flatMap(({ name, loaded: versions }) =>
      versions.map((version): IndexEntry => {
        const isDown = this.find(name, version)?.executor.isDown ?? false;
        const reason = isDown ? 'its executors ended again and again; the next one is started after a pause' : '';
        return { name, version, state: isDown ? 'UNAVAILABLE' : 'READY', reason };
      }),
    );
    if (isReadyOnly) return loaded.filter(({ state }) => state === 'READY');
    const awaited = [...this.#expected].filter((name) => !this.peek(name));
    return [...loaded, ...awaited.map((name): IndexEntry => ({ name, state: 'LOADING', reason: 'its last version is being loaded' }))];
  }

  /** Hold a loaded version; nothing is routed to it by default. */
  stage(served: ServedModel): void {
    let entry = this.#models.get(served.name);
    if (!entry) this.#models.set(served.name, (entry = { epoch: 0, loaded: [] }));
    const { active, previous } = entry;
    this.#release(entry, (held) => held.version === served.version && held !== active && held !== previous);
    entry.loaded = [...entry.loaded, served];
  }

  /**
   * Route new requests to a staged version. The one before stays loaded for an instant rollback; all others are released.
   *
   * @throws Error when the version has not been staged; safe to repeat after staging it
   */
  activate(model: string, version: string, epoch: number): ModelState {
    const entry = this.#models.get(model);
    const next = this.find(model, version);
    if (!entry || !next) throw new Error(`Version ${version} of ${model} has not been staged in this process. Stage it first.`);
    if (entry.active !== next) {
      entry.previous = entry.active;
      entry.active = next;
    }
    entry.epoch = epoch;
    this.#expected.delete(model);
    const { previous } = entry;
    this.#release(entry, (held) => held !== next && held !== previous);
    return { name: model, version, epoch, loaded: versionsOf(entry) };
  }

  /** Release a version that is not active; releasing what is not there is not an error. */
  retire(model: string, version: string): void {
    const entry = this.#models.get(model);
    if (!entry) return;
    const { active } = entry;
    this.#release(entry, (held) => held.version === version && held !== active);
    if (entry.previous?.version === version) entry.previous = undefined;
  }

  #release(entry: Entry, isReleased: (served: ServedModel) => boolean): void {
    const released = entry.loaded.filter(isReleased);
    entry.loaded = entry.loaded.filter((served) => !released.includes(served));
    for (const served of released) void served.executor.close();
  }

  async close(): Promise<void> {
    const all = [...this.#models.values()].flatMap((entry) => entry.loaded);
    this.#models.clear();
    await Promise.all(all.map((served) => served.executor.close()));
  }
}

function heldVersions(entry: Entry, active: string): string {
  const held = versionsOf(entry);
  return held.length === 1 ? `It holds version ${active} alone.` : `It holds the versions ${held.join(', ')}; ${active} is active.`;
}

function versionsOf(entry: Entry): string[] {
  return [...new Set(entry.loaded.map((served) => served.version))];
}
