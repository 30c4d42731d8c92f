import { z } from 'zod';
import type { AccessEntry } from '../../serving/access.js';
import type { TlsIdentity } from '../../serving/http-server.js';
import type { ServingSettings } from '../settings.js';
import { readAuthority, readIdentity, readSettingFile } from '../tls-files.js';

const tokensFile = z.array(
  z.strictObject({
    name: z.string().min(1),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 digits of lower-case hex'),
    models: z.union([z.literal('*'), z.array(z.string().min(1)).min(1)]),
  }),
);

/** Who may ask a host, and how it proves who it is. */
export interface Protection {
  readonly access?: readonly AccessEntry[];
  readonly tls?: TlsIdentity;
}

/**
 * Read what protects a host, and hold it together: what this returns, a host can listen with.
 *
 * @throws Error that names the variable and the file, and repeats nothing of its content
 */
export function readProtection({ tokens, tls }: Pick<ServingSettings, 'tokens' | 'tls'>): Protection {
  const { certificate, key, clientAuthority } = tls;
  if ((certificate === undefined) !== (key === undefined) || (clientAuthority !== undefined && certificate === undefined)) {
    throw new Error(
      'The inference host speaks TLS with a certificate and its key: set both ANNEAL_TLS_CERT and ANNEAL_TLS_KEY, and ANNEAL_TLS_CLIENT_CA only beside them.',
    );
  }
  return {
    ...(tokens === undefined ? {} : { access: readTokens(tokens) }),
    ...(certificate === undefined || key === undefined
      ? {}
      : {
          tls: {
            ...readIdentity({ setting: 'ANNEAL_TLS_CERT', path: certificate }, { setting: 'ANNEAL_TLS_KEY', path: key }),
            ...(clientAuthority === undefined
              ? {}
              : { clientAuthority: readAuthority({ setting: 'ANNEAL_TLS_CLIENT_CA', path: clientAuthority }) }),
          },
        }),
  };
}

function readTokens(path: string): readonly AccessEntry[] {
  const text = readSettingFile({ setting: 'ANNEAL_SERVING_TOKENS', path });
  let problem: string;
  try {
    const parsed = tokensFile.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    problem = `${issue.message} at ${issue.path.map(String).join('.') || 'its top'}`;
  } catch {
    problem = 'it is not JSON';
  }
  throw new Error(
    `The file of ANNEAL_SERVING_TOKENS (${path}) cannot be used: ${problem}. Write it as [{"name": "team", "sha256": "<SHA-256 of the token, in hex>", "models": ["<model>"] or "*"}].`,
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
