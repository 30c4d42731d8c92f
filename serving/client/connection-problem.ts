const untrusted = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;
const noTls = /wrong.version.number|packet.length.too.long/i;
/** What the handshake ends in when a host is not content with the certificate that it was shown, or with none. */
const certificateWanted =
  /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)|alert (certificate|bad certificate|unknown ca)/i;

/** Why a host could not be asked. */
export interface ConnectionProblem {
  /** A sentence with the way out. */
  readonly message: string;
  /** Whether another try may succeed. */
  readonly isPassing: boolean;
}

/**
 * Say what a connection died of.
 *
 * @param base address of the host
 * @param hasCertificate whether the client has one to show
 */
export function connectionProblem(base: string, hasCertificate: boolean, error: NodeJS.ErrnoException): ConnectionProblem {
  const { code = '', message } = error;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return lasting(
      `The certificate of the inference host at ${base} was not made for that name (${code}). Give the url with a name that it was made for.`,
    );
  if (code === 'CERT_HAS_EXPIRED')
    return lasting(`The certificate of the inference host at ${base} has expired (${code}). Whoever runs the host gives it a new one.`);
  if (untrusted.test(code))
    return lasting(
      `The certificate of the inference host at ${base} is not trusted (${code}). Give tls.ca, the certificate of the authority that signed it.`,
    );
  if (certificateWanted.test(`${code} ${message}`))
    return lasting(
      `The inference host at ${base} ${hasCertificate ? 'does not take the certificate that it was shown' : 'wants a certificate of its clients, and was shown none'} (${code}). Give tls.certificate and tls.key, signed by an authority that the host takes (its ANNEAL_TLS_CLIENT_CA).`,
    );
  if (base.startsWith('https:') && noTls.test(`${code} ${message}`))
    return lasting(`What answers at ${base} speaks no TLS (${code}). Write http:// there, or give the host a certificate.`);
  // A host may close the connection before its client has read why.
  const isBrokenOff = base.startsWith('https:') && !hasCertificate && /^(ECONNRESET|EPIPE|EPROTO)$/.test(code);
  const hint = isBrokenOff ? ' If it wants a certificate of its clients, give tls.certificate and tls.key.' : '';
  return {
    // A host with two addresses that refuse both has an error without a message.
    message: `The inference host at ${base} cannot be reached: ${message || code}. Start it, or correct the address.${hint}`,
    isPassing: true,
  };
}

function lasting(message: string): ConnectionProblem {
  return { message, isPassing: false };
}
