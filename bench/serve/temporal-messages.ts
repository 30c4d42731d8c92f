import type { VersionFiles } from '../../serving/loader/prepare-version.js';

/** What a bench asks of `temporal-process.ts`: hosts and versions 1 to n once, then promotions; each is answered. */
export type ToTemporalProcess =
  | { readonly kind: 'start'; readonly hosts: number; readonly files: VersionFiles; readonly versions: number }
  | { readonly kind: 'promote'; readonly version: number };

export type FromTemporalProcess =
  | { readonly kind: 'started'; readonly ports: readonly number[]; readonly pids: readonly number[] }
  | { readonly kind: 'promoted'; readonly ms: number; readonly acknowledged: number }
  | { readonly kind: 'failed'; readonly message: string };
