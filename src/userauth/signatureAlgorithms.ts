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
 * For RSA the best of rsa-sha2 that the server takes: one that said what it takes
 * refuses the key and not the hash, and each attempt is counted. Of a server that
 * did not say all are tried, since no server-sig-algs is no sign of an old one.
 * `ssh-rsa`, which is SHA-1, comes last and only where the user named it, so the
 * list can be empty. A key of any other type has one algorithm and is offered even
 * if the server did not list it, since refusing it here could not be told from a
 * wrong key.
 *
 * @param serverSigAlgs what the server announced (RFC 8308 §3.1), if it did
 * @param named signature algorithms that the user's options name, the preferred first
 */
export function publickeyAlgorithmsFor(
  keyType: string,
  serverSigAlgs: readonly string[] | undefined,
  named: readonly string[] = [],
): readonly string[] {
  if (keyType !== 'ssh-rsa' && keyType !== `ssh-rsa${certificateSuffix}`) return [keyType];
  const suffix = keyType === 'ssh-rsa' ? '' : certificateSuffix;
  const names = preferredRsa(named, suffix === '').map((plain) => plain + suffix);
  if (serverSigAlgs === undefined) return names;
  const best = names.find((name) => accepts(serverSigAlgs, name, suffix));
  return best === undefined ? [] : [best];
}

/** Both of SHA-2 unless the user names one of them only, or SHA-1 and none of them; in the user's order. */
function preferredRsa(named: readonly string[], withSha1: boolean): readonly string[] {
  const wanted = named.filter((name) => (rsaAlgorithms as readonly string[]).includes(name));
  const overSha1 = withSha1 && named.includes('ssh-rsa') ? ['ssh-rsa'] : [];
  const overSha2 = wanted.length === 0 && overSha1.length === 0 ? rsaAlgorithms : wanted;
  return [...overSha2, ...overSha1];
}

/** Servers list the plain names; some list those of certificates too. */
function accepts(serverSigAlgs: readonly string[], name: string, suffix: string): boolean {
  return serverSigAlgs.includes(name) || serverSigAlgs.includes(name.slice(0, name.length - suffix.length));
}

function firstName(blob: Uint8Array): string | undefined {
  const reader = new WireReader(blob);
  try {
    return reader.name();
  } catch {
    return undefined;
  }
}
