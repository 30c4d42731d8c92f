import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpError } from './http/http-error.js';

/** Who may ask for which models. The token itself is stored nowhere. */
export interface AccessEntry {
  /** For people; appears in no answer. */
  readonly name: string;
  /** SHA-256 of the token, in hex. Enough for a token that was drawn at random; not for a password. */
  readonly sha256: string;
  /** Names of models, or `*` for all of them, for lists and for metrics. */
  readonly models: readonly string[] | '*';
}

/** Bearer tokens with scopes. */
export class AccessControl {
  #entries: readonly { readonly digest: Buffer; readonly models: ReadonlySet<string> | '*' }[] = [];

  constructor(entries: readonly AccessEntry[]) {
    this.replace(entries);
  }

  /** Holds for every check from now on, on connections that are open as well. */
  replace(entries: readonly AccessEntry[]): void {
    this.#entries = entries.map(({ sha256, models }) => ({
      digest: Buffer.from(sha256, 'hex'),
      models: models === '*' ? '*' : new Set(models),
    }));
  }

  /**
   * @param authorization the header: `Bearer <token>`
   * @param model undefined for what is not about one model
   * @throws HttpError 401 without a token that is known, 403 when it is not for this model, whether that exists or not
   */
  check(authorization: string | undefined, model: string | undefined): void {
    const token = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(authorization ?? '')?.[1];
    const digest = createHash('sha256')
      .update(token ?? '')
      .digest();
    // All of them, each in constant time: how long it takes tells nothing of what is stored.
    let found: ReadonlySet<string> | '*' | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, digest)) found = entry.models;
    if (token === undefined || found === undefined) {
      throw new HttpError(401, 'This host wants a token that it knows: send the header "Authorization: Bearer <token>".', {
        'www-authenticate': 'Bearer',
      });
    }
    if (found === '*' || (model !== undefined && found.has(model))) return;
    throw new HttpError(403, 'The token is not for this. Ask whoever runs the host for one with a wider scope.');
  }
}
