export interface DigestRequest {
  readonly id: number;
  readonly path: string;
}

/** `sha256` is absent where there is no such file. */
export type DigestReply =
  | { readonly id: number; readonly sha256?: string }
  | { readonly id: number; readonly message: string; readonly code?: string };
