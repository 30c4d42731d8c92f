import { isIP } from 'node:net';
import { checkServerIdentity as checkIdentity, type PeerCertificate } from 'node:tls';
import { Client, credentials, status } from '@grpc/grpc-js';
import { loadService } from '../../serving/grpc/service-definition.js';
import { type HostAccess, readAccessFiles } from '../predict/host-client.js';
import type { HostHealth } from './health.js';

const serviceName = 'grpc.health.v1.Health';
const timeoutMs = 2000;
/** `ServingStatus` of the protocol. */
const serving = 1;

/**
 * Ask for the health of a host by the protocol of gRPC.
 *
 * @param address `host:port`
 * @param isSecure the host speaks TLS
 */
export async function grpcHealth(address: string, access: HostAccess, isSecure: boolean): Promise<HostHealth> {
  const { Check } = loadService('./health.proto', serviceName);
  let client: Client | undefined;
  try {
    client = isSecure ? secureClient(address, access) : new Client(address, credentials.createInsecure());
    const asked = client;
    const answer = await new Promise<{ status?: number }>((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      asked.makeUnaryRequest(Check.path, Check.requestSerialize, Check.responseDeserialize, {}, { deadline }, (error, response) => {
        if (error) reject(error);
        else resolve(response as { status?: number });
      });
    });
    return { answers: true, ready: answer.status === serving };
  } catch (error) {
    const { code, details, message } = error as { code?: number; details?: string; message: string };
    // Nobody there, or nobody who answers in time: that is all there is to say.
    if (code === status.DEADLINE_EXCEEDED || (code === status.UNAVAILABLE && (!isSecure || /ECONNREFUSED/.test(details ?? ''))))
      return { answers: false };
    return { answers: false, problem: `The inference host cannot be asked over gRPC at ${address}: ${reasonOf(details ?? message)}.` };
  } finally {
    client?.close();
  }
}

/** The client's own words around the reason, and its note on a name that was not looked up, tell nothing. */
function reasonOf(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/\.? Resolution note: *$/, '')
    .replace(/\.$/, '');
}

function secureClient(address: string, access: HostAccess): Client {
  const { ca, key, cert } = readAccessFiles(access);
  const buffer = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
  const host = address.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  if (isIP(host) === 0) return new Client(address, credentials.createSsl(buffer(ca), buffer(key), buffer(cert)));
  // TLS has no way to ask for an address, and Node.js warns of the attempt; the certificate must be for the address all the same.
  const checkServerIdentity = (_name: string, certificate: PeerCertificate) => checkIdentity(host, certificate);
  const secure = credentials.createSsl(buffer(ca), buffer(key), buffer(cert), { checkServerIdentity });
  return new Client(address, secure, { 'grpc.ssl_target_name_override': 'localhost' });
}
