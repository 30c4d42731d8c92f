import { X509Certificate } from 'node:crypto';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { currentTrace } from '../../telemetry/current-trace.js';
import { readAuthority, readIdentity } from '../../workers/tls-files.js';
import { CommandError, usageError } from '../command-error.js';

/** What the command shows a host, and by what it knows the host. */
export interface HostAccess {
  readonly token?: string;
  /** Paths of PEM files: the authority of the host's certificate, a certificate of the command's own and its key. */
  readonly authority?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** Nobody answers at the address of the inference host: it may just not run. */
export class HostAway extends CommandError {}

const untrusted = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;
const handshakeFailed = /^(EPROTO|ERR_SSL_|ERR_TLS_|ECONNRESET)/;
const noTls = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$|wrong version number|packet length too long/;

/** Asks an inference host over HTTP or TLS. */
export class HostClient {
  readonly #agents: { readonly http: PlainAgent; readonly https: SecureAgent };
  readonly #headers: Readonly<Record<string, string>>;
  readonly #certificate: OwnCertificate | undefined;

  /**
   * @param timeoutMs of a request
   * @throws CommandError (usage) that names a file which cannot be used
   */
  constructor(
    { token, authority, certificate, key }: HostAccess,
    private readonly timeoutMs = 30_000,
  ) {
    if ((certificate === undefined) !== (key === undefined))
      throw usageError(
        'A certificate and its key belong together: give both --cert and --key (ANNEAL_INFERENCE_CERT, ANNEAL_INFERENCE_KEY).',
      );
    const files = readAccessFiles({ authority, certificate, key });
    this.#certificate = certificate === undefined ? undefined : { path: certificate, text: files.cert! };
    this.#agents = { http: new PlainAgent({ keepAlive: true }), https: new SecureAgent({ keepAlive: true, ...files }) };
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /**
   * @param body sent as JSON by POST; absent: GET
   * @throws CommandError when the host cannot be reached, is not who it should be, or refuses the request
   */
  async ask<T>(address: string, body?: unknown): Promise<T> {
    const url = new URL(address);
    const trace = await currentTrace();
    const { status, text } = await this.#send(url, body, trace).catch((error: unknown) => {
      throw unreachable(url, error as NodeJS.ErrnoException, this.#certificate);
    });
    if (status >= 400) {
      const advice = status === 401 ? ' Set ANNEAL_INFERENCE_TOKEN, or give a file by --token-file.' : '';
      throw new CommandError(`The inference host refused the request (HTTP ${status}): ${errorText(text)}${advice}`);
    }
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new CommandError(
        `What answers at ${url.origin} is no inference host: it sent something other than JSON. ANNEAL_INFERENCE_URL and ANNEAL_HTTP_PORT say where the host is looked for, "anneal status" where it runs.`,
        undefined,
        { cause: error },
      );
    }
  }

  #send(url: URL, body: unknown, trace: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly text: string }> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const isSecure = url.protocol === 'https:';
    const options = {
      agent: isSecure ? this.#agents.https : this.#agents.http,
      method: content === undefined ? 'GET' : 'POST',
      headers: {
        ...this.#headers,
        ...trace,
        ...(content === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
      },
      signal: AbortSignal.timeout(this.timeoutMs),
    };
    return new Promise((resolve, reject) => {
      const sent = (isSecure ? secureRequest : plainRequest)(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString('utf8') }));
      });
      sent.on('error', reject);
      sent.end(content);
    });
  }
}

/** The certificate that the command shows a host which wants one. */
interface OwnCertificate {
  readonly path: string;
  readonly text: string;
}

function unreachable({ origin, hostname, protocol }: URL, error: NodeJS.ErrnoException, own: OwnCertificate | undefined): CommandError {
  const { code = '' } = error;
  const failed = (message: string) => new CommandError(message, undefined, { cause: error });
  if (protocol === 'https:' && code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return failed(
      `The certificate of the inference host at ${origin} was not made for the name ${hostname} (${code}). Give the address with a name that it was made for by ANNEAL_INFERENCE_URL (in "anneal predict" also --url).`,
    );
  if (protocol === 'https:' && code === 'CERT_HAS_EXPIRED')
    return failed(
      `The certificate of the inference host at ${origin} has expired (${code}). Whoever runs the host gives it a new one: ANNEAL_TLS_CERT and ANNEAL_TLS_KEY, and a start.`,
    );
  if (protocol === 'https:' && untrusted.test(code))
    return failed(
      `The certificate of the inference host at ${origin} is not trusted (${code}). Set ANNEAL_INFERENCE_CA (in "anneal predict" also --ca) to the PEM file of the authority that signed it.`,
    );
  if (protocol === 'https:' && noTls.test(`${code}${code === 'EPROTO' ? error.message : ''}`))
    return failed(
      `What answers at ${origin} speaks no TLS (${code}). Write http:// there (ANNEAL_INFERENCE_URL, in "anneal predict" also --url), or set ANNEAL_TLS_CERT and ANNEAL_TLS_KEY where the host starts.`,
    );
  if (protocol === 'https:' && handshakeFailed.test(code)) return failed(`${brokenOff(origin, code)} ${adviceOn(own)}`);
  const hint = protocol === 'http:' && code === 'ECONNRESET' ? ' If it speaks TLS, write https:// there.' : '';
  return new HostAway(
    `The inference host does not answer at ${origin}. "anneal status" shows whether it runs, "anneal up" starts it; ANNEAL_INFERENCE_URL and ANNEAL_HTTP_PORT say where it is looked for.${hint}`,
    undefined,
    { cause: error },
  );
}

function brokenOff(origin: string, code: string): string {
  return `The inference host at ${origin} broke the TLS connection off (${code}).`;
}

/** A host tells nobody why it takes no certificate. */
function adviceOn(own: OwnCertificate | undefined): string {
  const flags = 'ANNEAL_INFERENCE_CERT and ANNEAL_INFERENCE_KEY (in "anneal predict" also --cert and --key)';
  if (!own) return `It seems to want a certificate of its clients, and was shown none: set ${flags}.`;
  const { subject, issuer, validFrom, validTo } = new X509Certificate(own.text);
  const isValid = Date.parse(validFrom) <= Date.now() && Date.now() <= Date.parse(validTo);
  const [name, authority] = [subject, issuer].map((text) => JSON.stringify((text ?? '').replaceAll('\n', ', ')));
  const problem = isValid
    ? `it is of ${name}, signed by ${authority}, which may not be an authority that the host takes (its ANNEAL_TLS_CLIENT_CA)`
    : `it is valid from ${validFrom} to ${validTo} only`;
  return `It seems not to take the certificate that it was shown, ${own.path}: ${problem}. Set ${flags} to one that it takes.`;
}

/** What TLS takes of the files. @throws CommandError (usage) that names the file and its settings */
export function readAccessFiles({ authority, certificate, key }: HostAccess): {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
} {
  try {
    const identity =
      certificate === undefined || key === undefined
        ? undefined
        : readIdentity(
            { setting: '--cert or ANNEAL_INFERENCE_CERT', path: certificate },
            { setting: '--key or ANNEAL_INFERENCE_KEY', path: key },
          );
    return {
      ...(authority === undefined ? {} : { ca: readAuthority({ setting: '--ca or ANNEAL_INFERENCE_CA', path: authority }) }),
      ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
    };
  } catch (error) {
    throw usageError((error as Error).message);
  }
}

function errorText(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === 'string' ? error : body.trim();
  } catch {
    return body.trim();
  }
}
