import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Each is the path of a PEM file, or PEM itself: text with a line `-----BEGIN …-----`. */
export interface ClientTls {
  /** Of the authority that signed the host's certificate. Default: those that Node.js trusts. */
  readonly ca?: string;
  /** What the client shows a host that wants a certificate of it (`ANNEAL_TLS_CLIENT_CA` there), with those between it and its authority. */
  readonly certificate?: string;
  /** Of the certificate, without a passphrase. */
  readonly key?: string;
}

/** As Node.js takes it. */
export interface ClientIdentity {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Read what a client shows hosts, and knows them by.
 *
 * @throws TypeError that names the option and its file, and repeats nothing of a key
 */
export function readClientTls({ ca, certificate, key }: ClientTls): ClientIdentity {
  if ((certificate === undefined) !== (key === undefined))
    throw new TypeError('A certificate and its key belong together: give both tls.certificate and tls.key.');
  const identity =
    certificate === undefined || key === undefined ? {} : { cert: readPem('tls.certificate', certificate), key: readPem('tls.key', key) };
  if (identity.cert !== undefined) assertPair(identity.cert, identity.key);
  if (ca === undefined) return identity;
  const authority = readPem('tls.ca', ca);
  parsed('tls.ca', 'a certificate', () => new X509Certificate(authority));
  return { ca: authority, ...identity };
}

function assertPair(certificate: string, key: string): void {
  const first = parsed('tls.certificate', 'a certificate', () => new X509Certificate(certificate));
  const own = parsed('tls.key', 'a private key without a passphrase', () => createPrivateKey(key));
  if (!first.checkPrivateKey(own))
    throw new TypeError(
      "tls.key is not the key of the first certificate of tls.certificate. Give the key that the certificate was made with; in a chain the client's own comes first.",
    );
}

function readPem(option: string, given: string): string {
  if (given.includes('-----BEGIN ')) return given;
  try {
    return readFileSync(given, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is no path may be a key that has lost its first line.
    const shown = /^[\x20-\x7e]{1,200}$/.test(given) ? ` (${given})` : '';
    throw new TypeError(`The file of ${option}${shown} cannot be read (${code}). Give the path of a PEM file, or PEM itself.`, {
      cause: error,
    });
  }
}

function parsed<T>(option: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new TypeError(`${option} cannot be read as ${what} in PEM. Give the path of such a file, or its text.`, { cause: error });
  }
}
