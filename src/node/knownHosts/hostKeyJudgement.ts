/**
 * What known_hosts says of a host key, as verdict or error.
 *
 * Owns: the errors a person can act on; the order revoked, certified, known; that a
 * certificate which does not hold is no worse than none.
 * Must not know: files, connections.
 */
import { equalBytes, escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { shownHost } from '../../client/dial/hostName.ts';
import type { HostKeyInfo } from '../../client/hostKeys/hostKeys.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import type { KnownHosts } from '../../keys/knownHosts/knownHosts.ts';
import { certificateError, certificateTitle, checkCertificate } from '../../keys/openssh/certificateFile.ts';
import { fingerprintLike } from '../fingerprints.ts';

/**
 * Whether the key is known; false where nothing at all is known of the host. A
 * certificate that does not hold leaves its key, as with OpenSSH: where that is
 * known by itself it counts, and `warn` is told of the certificate.
 *
 * @throws SshError `ERR_SSH_HOST_KEY_CHANGED`, `ERR_SSH_HOST_KEY_REVOKED`, `ERR_SSH_HOST_KEY_UNKNOWN` for a host
 *   that is known by an authority only, `ERR_SSH_CERTIFICATE`
 */
export function judgeHostKey(
  known: KnownHosts,
  info: HostKeyInfo,
  { now, signatures, warn = () => {} }: JudgementOptions,
): boolean {
  const { certificate } = info;
  if (certificate === undefined) return isKnown(known, info);
  checkRevocation(known, info, certificate);
  if (!isSignedForHost(known, info, certificate)) return isKnown(known, info);
  try {
    checkSignature(certificate, signatures);
    checkCertificate(certificate, { kind: 'host', principal: info.host, now });
    return true;
  } catch (error) {
    // Of a key that is unknown, or another than the known one, it is the certificate that there is to say something of.
    if (!(error instanceof SshError) || !isKnownByItself(known, info)) throw error;
    warn(
      `${error.message}; the key in it (${info.type} ${info.fingerprint}) is known for ${shownHost(info)} by itself`,
    );
    return true;
  }
}

/** How a key is judged. */
interface JudgementOptions {
  /** Seconds since 1970. */
  readonly now: number;
  /** Algorithms by which an authority may sign; any where not given. */
  readonly signatures?: readonly string[] | undefined;
  readonly warn?: ((line: string) => void) | undefined;
}

/** @throws SshError `ERR_SSH_CERTIFICATE` */
function checkSignature(certificate: Certificate, allowed: readonly string[] | undefined): void {
  const { signatureAlgorithm } = certificate;
  if (allowed === undefined || allowed.includes(signatureAlgorithm)) return;
  throw certificateError(
    `${certificateTitle(certificate)} is signed by ${escapeText(signatureAlgorithm, 80)}, which is not among the signatures that count (${allowed.join(', ') || 'none'})`,
  );
}

/**
 * Whether the key is known for the address; false where nothing is known of it.
 *
 * @throws SshError `ERR_SSH_HOST_KEY_CHANGED` or `ERR_SSH_HOST_KEY_REVOKED` where another is, or it is revoked
 */
export function judgeAddress(known: KnownHosts, info: HostKeyInfo, address: string): boolean {
  const { port, blob } = info;
  const { result } = known.lookup(address, port, blob);
  return result === 'certAuthority' || isKnown(known, { ...info, host: address });
}

function isKnownByItself(known: KnownHosts, { host, port, blob }: HostKeyInfo): boolean {
  return known.lookup(host, port, blob).result === 'trusted';
}

/** What the files say of the key, a certificate left aside. */
function isKnown(known: KnownHosts, info: HostKeyInfo): boolean {
  const { host, port, blob, type, fingerprint, certificate } = info;
  const name = shownHost(info);
  const lookup = known.lookup(host, port, blob);
  switch (lookup.result) {
    case 'trusted':
      return true;
    case 'unknown':
      return false;
    case 'changed': {
      const where = lookup.entries.map(
        ({ file, line, keyType }) => `${file ?? 'known_hosts'}:${line} (${keyType})`,
      );
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_CHANGED',
        `the host key of ${name} (${type} ${fingerprint}) is not the known one (${where.join(', ')}): either the server was set up anew or somebody is in between`,
      );
    }
    case 'revoked':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_REVOKED',
        `the host key of ${name} (${type} ${fingerprint}) is marked @revoked (${lookup.entry.file ?? 'known_hosts'}:${lookup.entry.line})`,
      );
    case 'certAuthority':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_UNKNOWN',
        certificate === undefined
          ? `${name} is known by a certificate authority only, and the server showed a plain ${type} key (${fingerprint})`
          : `${name} is known by a certificate authority only, and ${certificateTitle(certificate)} that the server showed is signed by another (${fingerprintLike(fingerprint, certificate.authorityBlob)})`,
      );
    default:
      return lookup satisfies never;
  }
}

/** The error of a host nothing is known of. */
export function unknownHostKey(info: HostKeyInfo, files: readonly string[]): SshError {
  return hostKeyError(
    'ERR_SSH_HOST_KEY_UNKNOWN',
    `the host key of ${shownHost(info)} (${info.type} ${info.fingerprint}) is not in ${files.join(' or ')}; check the fingerprint with the server's owner and add the key`,
    { hint: 'or pin it with pinnedHostKey' },
  );
}

/** @throws SshError `ERR_SSH_HOST_KEY_REVOKED`, which nothing else that is known makes up for */
function checkRevocation(known: KnownHosts, info: HostKeyInfo, certificate: Certificate): void {
  const { host, port, blob } = info;
  const { authorityBlob } = certificate;
  for (const [what, key] of [
    ['the authority that signed the certificate', authorityBlob],
    ['the key in the certificate', blob],
  ] as const) {
    const revoked = known.revocation(host, port, key);
    if (revoked === undefined) continue;
    throw hostKeyError(
      'ERR_SSH_HOST_KEY_REVOKED',
      `${what} of ${shownHost(info)} (${fingerprintLike(info.fingerprint, key)}) is marked @revoked (${revoked.file ?? 'known_hosts'}:${revoked.line})`,
    );
  }
}

/**
 * Whether an authority that counts for this host signed the certificate. One by
 * a stranger is as good as none: the key in it may be known by itself.
 */
function isSignedForHost(
  known: KnownHosts,
  { host, port }: HostKeyInfo,
  { authorityBlob }: Certificate,
): boolean {
  return known.certAuthorities(host, port).some((entry) => equalBytes(entry.blob, authorityBlob));
}

function hostKeyError(
  code: 'ERR_SSH_HOST_KEY_UNKNOWN' | 'ERR_SSH_HOST_KEY_CHANGED' | 'ERR_SSH_HOST_KEY_REVOKED',
  message: string,
  more: { readonly hint?: string } = {},
): SshError {
  return new SshError(code, message, { phase: 'keyExchange', origin: 'peer', ...more });
}
