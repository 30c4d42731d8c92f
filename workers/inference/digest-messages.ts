import type { HashedFile } from '../../serving/loader/verified-file.js';

export interface DigestRequest {
  readonly id: number;
  readonly path: string;
  /** Copy the file there, too: the digest and the stamp are those of the copy. What is there is overwritten. */
  readonly copyTo?: string;
  /** Delete the file instead. */
  readonly remove?: true;
}

export interface FileDigest {
  readonly sha256: string;
  readonly hashed: HashedFile;
}

/** `digest` is absent where there is no such file. */
export type DigestReply =
  | { readonly id: number; readonly digest?: FileDigest }
  | { readonly id: number; readonly message: string; readonly code?: string };
