/**
 * Which signature algorithms a key may authenticate with.
 *
 * Owns: RFC 8332 §3 (an RSA key's algorithm is not its type), RFC 8308 §3.1
 * (server-sig-algs).
 * Must not know: arithmetic, which keys there are.
 */
import { blobTypeOf, certificateSuffix, signatureNameOf } from '../crypto/specialAlgorithms.ts';
import { WireReader } from '../wire/reader.ts';

const rsaAlgorithms = ['rsa-sha2-512', 'rsa-sha2-256'] as const;

/** Whether a key blob is of the type that the algorithm works with; one that is not known works with its own. */
export function keyMatchesAlgorithm(publicKey: Uint8Array, algorithm: string): boolean {
  return firstName(publicKey) === (blobTypeOf(algorithm) ?? algorithm);
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

/**
 * The same where the user said which algorithms may be used: these and no others,
 * in the user's order. A key that none of them works with is not offered at all.
 *
 * @param accepted signature algorithms and those of certificates
 */
export function acceptedAlgorithmsFor(
  keyType: string,
  serverSigAlgs: readonly string[] | undefined,
  accepted: readonly string[],
): readonly string[] {
  const names = accepted.filter((name) => blobTypeOf(name) === keyType);
  const isCertificate = keyType === `ssh-rsa${certificateSuffix}`;
  if (serverSigAlgs === undefined || (keyType !== 'ssh-rsa' && !isCertificate)) return names;
  const best = names.find((name) => accepts(serverSigAlgs, name, isCertificate ? certificateSuffix : ''));
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
