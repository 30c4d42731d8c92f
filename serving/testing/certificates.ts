import { execFileSync } from 'node:child_process';

/**
 * Make `ca.pem`, and `server.pem` and `client.pem` that it has signed for localhost, each with its `.key`, by the machine's openssl.
 *
 * @param directory is there
 * @param names of the certificates beside that of the authority, which is made anew as well
 */
export function makeCertificates(directory: string, names: readonly string[] = ['server', 'client']): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  const key = (name: string) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
  openssl('req', '-x509', ...key('ca'), '-out', 'ca.pem', '-subj', '/CN=authority', '-days', '2');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy'];
  for (const name of names) {
    openssl('req', ...key(name), '-out', `${name}.csr`, '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`);
  }
}
