import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Protection } from '../../serving/process-messages.js';
import type { ServingSettings } from '../settings.js';
import { readProtection } from './protection.js';

export interface ProtectionEvents {
  /** The files have changed, and this is what they hold now. */
  readonly onChange: (protection: Protection) => Promise<void>;
  /** They have changed, and what they hold cannot be used. The problem names the variable and the file, and repeats nothing of its content. */
  readonly onRefused: (problem: string) => Promise<void>;
}

/** Two looks in a row must see the same, so what has changed is told after one to two times this. */
const lookEveryMs = 2000;

/**
 * The files of tokens and certificates that a host was given, read when it starts and followed while it runs.
 *
 * They are read again rather than watched: mounted secrets are changed by renaming a folder above them, and shared disks tell of no
 * change at all.
 */
export class ProtectionFiles {
  readonly #settings: Pick<ServingSettings, 'tokens' | 'tls'>;
  #told: string | undefined;

  constructor(settings: Pick<ServingSettings, 'tokens' | 'tls'>) {
    this.#settings = settings;
  }

  /** @throws Error as `readProtection` does */
  read(): Protection {
    // Before they are read: what changes between the two is told as a change, if as one without effect.
    this.#told = this.#fingerprint();
    return readProtection(this.#settings);
  }

  /**
   * Tell of each change of the files since they were read, once. A certificate and its key are two files, and a writer may be half
   * through one: what differs from one look to the next is looked at once more before it counts.
   *
   * @returns when it is told to stop, or at once where there are no files; an error of an event is thrown
   */
  async follow({ onChange, onRefused }: ProtectionEvents, stop: AbortSignal, everyMs = lookEveryMs): Promise<void> {
    if (this.#paths.length === 0) return;
    for (let before = this.#told; !stop.aborted;) {
      await sleep(everyMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
      if (stop.aborted) return;
      const now = this.#fingerprint();
      if (now !== this.#told && now === before) {
        this.#told = now;
        const found = this.#readAgain();
        await ('problem' in found ? onRefused(found.problem) : onChange(found.protection));
      }
      before = now;
    }
  }

  #readAgain(): { readonly protection: Protection } | { readonly problem: string } {
    try {
      return { protection: readProtection(this.#settings) };
    } catch (error) {
      return { problem: (error as Error).message };
    }
  }

  get #paths(): string[] {
    const { tokens, tls } = this.#settings;
    return [tokens, tls.certificate, tls.key, tls.clientAuthority].filter((path) => path !== undefined);
  }

  #fingerprint(): string {
    const hash = createHash('sha256');
    for (const path of this.#paths) hash.update(digestOf(path));
    return hash.digest('hex');
  }
}

/** Of the content, or of the reason why there is none. */
function digestOf(path: string): Buffer {
  let content: Buffer | string;
  try {
    content = readFileSync(path);
  } catch (error) {
    content = String((error as NodeJS.ErrnoException).code);
  }
  return createHash('sha256').update(content).digest();
}
