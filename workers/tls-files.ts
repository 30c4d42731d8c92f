import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** A file that a setting names. */
export interface SettingFile {
  /** As a person sets it, e.g. `ANNEAL_TLS_CERT`. */
  readonly setting: string;
  readonly path: string;
}

/** @throws Error that names the setting and the file */
export function readSettingFile({ setting, path }: SettingFile): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'is not there' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw new Error(`The file of ${setting} (${path}) ${problem}. Correct the path${code === 'EACCES' ? ', or its permissions' : ''}.`, {
      cause: error,
    });
  }
}

/**
 * A certificate, with those between it and its authority, and the key that belongs to it, as TLS takes them.
 *
 * @throws Error that names the setting and the file that cannot be used, and repeats nothing of its content
 */
export function readIdentity(certificate: SettingFile, key: SettingFile): { readonly certificate: string; readonly key: string } {
  const read = { certificate: readSettingFile(certificate), key: readSettingFile(key) };
  const first = parsedCertificate(certificate, read.certificate);
  const own = parsedKey(key, read.key);
  if (!first.checkPrivateKey(own))
    throw new Error(
      `The key of ${key.setting} (${key.path}) is not that of the first certificate of ${certificate.setting} (${certificate.path}). Name the key that the certificate was made with; in a chain the certificate of its own comes first, those of its authorities follow.`,
    );
  assertUsable(certificate, { cert: read.certificate, key: read.key });
  return read;
}

/** Certificates of authorities. @throws Error that names the setting and the file */
export function readAuthority(file: SettingFile): string {
  const text = readSettingFile(file);
  parsedCertificate(file, text);
  assertUsable(file, { ca: text });
  return text;
}

function parsedCertificate(file: SettingFile, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw noPem(file, text, 'certificate', '-----BEGIN CERTIFICATE-----', error);
  }
}

function parsedKey(file: SettingFile, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(text))
      throw new Error(
        `The key of ${file.setting} (${file.path}) is encrypted with a passphrase, which Anneal does not ask for. Write it without ("openssl pkey -in <file> -out <other file>"), readable by this user alone.`,
        { cause: error },
      );
    throw noPem(file, text, 'private key', '-----BEGIN PRIVATE KEY-----', error);
  }
}

function noPem({ setting, path }: SettingFile, text: string, what: string, begin: string, cause: unknown): Error {
  const found = /^-----BEGIN ([A-Z0-9 ]{1,40})-----/m.exec(text)?.[1];
  const holds =
    text.trim() === ''
      ? 'is empty'
      : found === undefined
        ? 'is not PEM'
        : `holds a ${found.toLowerCase()} that cannot be read as a ${what}`;
  return new Error(
    `The file of ${setting} (${path}) ${holds}: expected a ${what} in PEM, text with a line like "${begin}". Name that file, or write it anew.`,
    { cause },
  );
}

/** What only OpenSSL tells, as of a second certificate that is damaged or a key that is too short. */
function assertUsable({ setting, path }: SettingFile, options: Parameters<typeof createSecureContext>[0]): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw new Error(
      `The file of ${setting} (${path}) cannot be used for TLS: ${(error as Error).message}. Name certificates in PEM that OpenSSL reads, with a key that is long enough.`,
      { cause: error },
    );
  }
}
