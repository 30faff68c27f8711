/**
 * Which signature algorithms a key may authenticate with.
 *
 * Owns: RFC 8332 §3 (an RSA key's algorithm is not its type), RFC 8308 §3.1
 * (server-sig-algs), the names of certificate algorithms (PROTOCOL.certkeys of OpenSSH).
 * Must not know: arithmetic, which keys there are.
 */
import { WireReader } from '../wire/reader.ts';

const certificateSuffix = '-cert-v01@openssh.com';
const rsaAlgorithms = ['rsa-sha2-512', 'rsa-sha2-256'] as const;

/** The type that a key blob names when it is used with this algorithm. */
export function keyTypeOf(algorithm: string): string {
  const isCertificate = algorithm.endsWith(certificateSuffix);
  const plain = isCertificate ? algorithm.slice(0, -certificateSuffix.length) : algorithm;
  if (plain !== 'rsa-sha2-256' && plain !== 'rsa-sha2-512') return algorithm;
  return isCertificate ? `ssh-rsa${certificateSuffix}` : 'ssh-rsa';
}

/** The name that stands in the signature made with this algorithm: a certificate signs with its key. */
export function signatureNameOf(algorithm: string): string {
  if (!algorithm.endsWith(certificateSuffix)) return algorithm;
  const plain = algorithm.slice(0, -certificateSuffix.length);
  // Keys on a security token have names in OpenSSH's domain; only the certificate's puts the domain last.
  return plain.startsWith('sk-') ? `${plain}@openssh.com` : plain;
}

/** Whether a key blob is of the type that the algorithm works with. */
export function keyMatchesAlgorithm(publicKey: Uint8Array, algorithm: string): boolean {
  return firstName(publicKey) === keyTypeOf(algorithm);
}

/** Whether a signature blob says that it was made with the algorithm (RFC 8332 §3.2). */
export function signatureMatchesAlgorithm(signature: Uint8Array, algorithm: string): boolean {
  return firstName(signature) === signatureNameOf(algorithm);
}

/**
 * The algorithms to try with a key of this type, the best first.
 *
 * For RSA those of rsa-sha2 that the server takes, both of them when it did not
 * say: no server-sig-algs is no sign of an old server. `ssh-rsa`, which is
 * SHA-1, comes last and only where the user named it, so the list can be empty.
 * A key of any other type has one algorithm and is offered even if the server did
 * not list it, since refusing it here could not be told from a wrong key.
 *
 * @param serverSigAlgs what the server announced (RFC 8308 §3.1), if it did
 * @param named signature algorithms that the user's options name
 */
export function publickeyAlgorithmsFor(
  keyType: string,
  serverSigAlgs: readonly string[] | undefined,
  named: readonly string[] = [],
): readonly string[] {
  if (keyType !== 'ssh-rsa' && keyType !== `ssh-rsa${certificateSuffix}`) return [keyType];
  const suffix = keyType === 'ssh-rsa' ? '' : certificateSuffix;
  const plainNames =
    named.includes('ssh-rsa') && suffix === '' ? [...rsaAlgorithms, 'ssh-rsa'] : rsaAlgorithms;
  return plainNames
    .filter((plain) => serverSigAlgs === undefined || accepts(serverSigAlgs, plain, suffix))
    .map((plain) => plain + suffix);
}

/** Servers list the plain names; some list those of certificates too. */
function accepts(serverSigAlgs: readonly string[], plain: string, suffix: string): boolean {
  return serverSigAlgs.includes(plain) || serverSigAlgs.includes(plain + suffix);
}

function firstName(blob: Uint8Array): string | undefined {
  const reader = new WireReader(blob);
  try {
    return reader.name();
  } catch {
    return undefined;
  }
}
