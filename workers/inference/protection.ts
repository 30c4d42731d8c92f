import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { AccessEntry } from '../../serving/access.js';
import { certificateEndMs } from '../../serving/certificate-end.js';
import type { Protection } from '../../serving/process-messages.js';
import type { ServingSettings } from '../settings.js';
import { readAuthority, readIdentity, readSettingFile } from '../tls-files.js';

const text = z.string('expected a text').min(1, 'expected a text that is not empty');
const digest = 'expected 64 digits of lower-case hex';
const tokensFile = z.array(
  z.strictObject(
    {
      name: text,
      sha256: z.string(digest).regex(/^[0-9a-f]{64}$/, digest),
      models: z.union([z.literal('*'), z.array(text).min(1)], 'expected "*" or a list of names of models'),
    },
    'expected an object with "name", "sha256" and "models", and nothing else',
  ),
  'expected a list',
);

const dayMs = 24 * 60 * 60 * 1000;
/** So long before its end a certificate is warned of. */
const warnDays = 14;

/**
 * Read what protects a host, and hold it together: what this returns, a host can listen with.
 *
 * @throws Error that names the variable and the file, and repeats nothing of its content
 */
export function readProtection({ tokens, tls }: Pick<ServingSettings, 'tokens' | 'tls'>, nowMs = Date.now()): Protection {
  const { certificate, key, clientAuthority } = tls;
  if ((certificate === undefined) !== (key === undefined) || (clientAuthority !== undefined && certificate === undefined)) {
    throw new Error(
      'The inference host speaks TLS with a certificate and its key: set both ANNEAL_TLS_CERT and ANNEAL_TLS_KEY, and ANNEAL_TLS_CLIENT_CA only beside them.',
    );
  }
  const identity =
    certificate === undefined || key === undefined
      ? undefined
      : readIdentity({ setting: 'ANNEAL_TLS_CERT', path: certificate }, { setting: 'ANNEAL_TLS_KEY', path: key });
  if (identity) requireValidNow(identity.certificate, certificate!, nowMs);
  return {
    ...(tokens === undefined ? {} : { access: readTokens(tokens) }),
    ...(!identity
      ? {}
      : {
          tls: {
            ...identity,
            ...(clientAuthority === undefined
              ? {}
              : { clientAuthority: readAuthority({ setting: 'ANNEAL_TLS_CLIENT_CA', path: clientAuthority }) }),
          },
        }),
  };
}

/** What lets the host start and will keep its clients out, now or soon; a sentence or two for each. */
export function protectionWarnings({ access, tls }: Protection, nowMs = Date.now()): string[] {
  const warnings: string[] = [];
  if (access?.length === 0)
    warnings.push(
      'The file of ANNEAL_SERVING_TOKENS holds no token, so nobody may ask the host for anything but its health. Add an entry for each client, or unset the variable to let in whoever reaches the host.',
    );
  const days = tls ? (certificateEndMs(tls.certificate) - nowMs) / dayMs : Number.POSITIVE_INFINITY;
  if (days < warnDays)
    warnings.push(
      `The certificate of ANNEAL_TLS_CERT expires in ${days < 1 ? 'less than a day' : `${Math.floor(days)} day${days < 2 ? '' : 's'}`}, and clients refuse the host from then on. Put a new one, and its key, in the place of the files: a host that runs takes them up.`,
    );
  return warnings;
}

/** @throws Error for one that clients would refuse */
function requireValidNow(text: string, path: string, nowMs: number): void {
  const { validFrom, validTo } = new X509Certificate(text);
  const problem = Date.parse(validTo) < nowMs ? 'has expired' : Date.parse(validFrom) > nowMs ? 'is not valid yet' : undefined;
  if (problem === undefined) return;
  throw new Error(
    `The certificate of ANNEAL_TLS_CERT (${path}) ${problem}: it is valid from ${validFrom} to ${validTo}, and it is ${new Date(nowMs).toUTCString()} here. Every client would refuse the host. Name a certificate that is valid now${problem === 'has expired' ? '' : ", or set this machine's clock right"}.`,
  );
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
