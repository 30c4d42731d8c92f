import { condition, isCancellation, log } from '@temporalio/workflow';
import { tracking } from '../proxies.js';

/** How long a change waits for the registry to show it. */
const patience = '10 seconds';

/**
 * Keeps the registry's alias `champion` at what serves, beside the changes of what serves, not among them:
 * a registry that is away must not hold a rollback up. The alias follows when it is back.
 */
export class ChampionAlias {
  private last: Promise<void> = Promise.resolve();

  /**
   * @param aliased version that the alias is known to point to
   * @param champion version that serves now
   */
  constructor(
    private readonly model: string,
    private aliased: string | undefined,
    private readonly champion: () => string | undefined,
  ) {}

  /** To carry over when the workflow continues as new. */
  get version(): string | undefined {
    return this.aliased;
  }

  /** Move the alias after the moves that were asked for before; returns when it has moved, or when patience has run out. */
  async follow(): Promise<void> {
    let moved = false;
    this.last = this.last.then(() => this.move()).then(() => void (moved = true));
    await condition(() => moved, patience);
  }

  private async move(): Promise<void> {
    const version = this.champion();
    if (version === undefined || version === this.aliased) return;
    try {
      await tracking.setModelAlias.executeWithOptions({ summary: `champion = version ${version}` }, [
        { model: this.model, alias: 'champion', version },
      ]);
      this.aliased = version;
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn('the alias champion could not be moved', { version, error: String(error) });
    }
  }
}
