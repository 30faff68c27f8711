/**
 * Signatures as SSH carries them, over any provider's arithmetic.
 *
 * Owns: which key serves which algorithm, the algorithm-specific part of the
 * signature blob, and that no signature leaves before it was verified.
 * Must not know: which implementation computes; the blob around the part (`publicKey.ts`).
 * Sources: RFC 8709 §6, RFC 5656 §3.1.2, RFC 8332 §3, OpenSSH PROTOCOL.u2f.
 */
import { concatBytes, utf8Encode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { curves, isUncompressedPoint } from '../kex/curves.ts';
import type { Primitives } from '../provider/primitives.ts';
import type { CurveName, HashName } from '../provider/provider.ts';
import { isUsableEd448Point, isUsableEd25519Point } from './edwardsPoint.ts';
import type { EcdsaPrivateKey, PrivateKey } from './privateKey.ts';
import type {
  EcdsaPublicKey,
  Ed448PublicKey,
  Ed25519PublicKey,
  PublicKey,
  RsaPublicKey,
  SecurityKeyPublicKey,
} from './publicKey.ts';
import { isUsableRsaKey, rsaModulusLength } from './rsa.ts';
import { decodeSecurityKeySignature, securityKeyData } from './securityKey.ts';

/** The arithmetic that signing and verifying take. */
export type SignatureParts = Pick<
  Primitives,
  'curve25519' | 'curve448' | 'nistCurves' | 'rsa' | 'createHash'
>;

/**
 * Hashes of the RSA algorithms (RFC 8332 §3). Whether `ssh-rsa`, which is SHA-1,
 * may be used at all is for those to decide who negotiate: it is offered to
 * nobody and taken from nobody unless the user names it.
 */
const rsaHashes: ReadonlyMap<string, HashName> = new Map([
  ['ssh-rsa', 'sha1'],
  ['rsa-sha2-256', 'sha256'],
  ['rsa-sha2-512', 'sha512'],
]);

/** See `CryptoProvider.verify`. */
export function verifySignature(
  parts: SignatureParts,
  algorithm: string,
  key: PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  switch (key.type) {
    case 'ssh-ed25519':
      return algorithm === key.type && verifyEd25519(parts, key, data, signature);
    case 'ssh-ed448':
      return algorithm === key.type && verifyEd448(parts, key, data, signature);
    case 'ssh-rsa':
      return verifyRsaPadded(parts, rsaHashes.get(algorithm), key, data, signature);
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      return algorithm === key.type && verifyEcdsa(parts, key, data, signature);
    case 'sk-ssh-ed25519@openssh.com':
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return algorithm === key.type && verifySecurityKey(parts, key, data, signature);
    default:
      return (key satisfies never) && false;
  }
}

/** See `CryptoProvider.sign`. */
export function createSignature(
  parts: SignatureParts,
  algorithm: string,
  key: PrivateKey,
  data: Uint8Array,
): Uint8Array {
  const signature = signUnverified(parts, algorithm, key, data);
  // A fault in the arithmetic, or a private key that is not the public one's, must not reach the peer.
  if (!verifySignature(parts, algorithm, key.publicKey, data, signature)) {
    throw cryptoError(`the ${algorithm} signature that was made does not verify: the private key is damaged`);
  }
  return signature;
}

function signUnverified(
  parts: SignatureParts,
  algorithm: string,
  key: PrivateKey,
  data: Uint8Array,
): Uint8Array {
  switch (key.type) {
    case 'ssh-ed25519': {
      if (algorithm !== key.type || key.seed.length !== 32) throw misfit(algorithm, key.type);
      const functions = parts.curve25519.use();
      return computing(algorithm, () => functions.ed25519Sign(key.seed, data));
    }
    case 'ssh-ed448': {
      if (algorithm !== key.type || key.seed.length !== 57) throw misfit(algorithm, key.type);
      const functions = parts.curve448.use();
      return computing(algorithm, () => functions.ed448Sign(key.seed, data));
    }
    case 'ssh-rsa': {
      const hash = rsaHashes.get(algorithm);
      if (hash === undefined) throw misfit(algorithm, key.type);
      return computing(algorithm, () => parts.rsa.sign(key, hash, data));
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      if (algorithm !== key.type) throw misfit(algorithm, key.type);
      return signEcdsaKey(parts, key, data);
    default:
      throw misfit(algorithm, String((key as { readonly type: unknown }).type));
  }
}

function verifyEd25519(
  parts: SignatureParts,
  key: Ed25519PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const functions = parts.curve25519.use();
  if (signature.length !== 64 || !isUsableEd25519Point(key.point)) return false;
  if (!isUsableEd25519Point(signature.subarray(0, 32))) return false;
  return failingClosed(() => functions.ed25519Verify(key.point, data, signature));
}

function verifyEd448(
  parts: SignatureParts,
  key: Ed448PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const functions = parts.curve448.use();
  if (signature.length !== 114 || !isUsableEd448Point(key.point)) return false;
  if (!isUsableEd448Point(signature.subarray(0, 57))) return false;
  return failingClosed(() => functions.ed448Verify(key.point, data, signature));
}

/** mpint r, mpint s (RFC 5656 §3.1.2). A large s is as good as a small one: OpenSSH normalises neither. */
function verifyEcdsa(
  parts: SignatureParts,
  key: EcdsaPublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const curve = curveOf(key.type);
  const functions = parts.nistCurves[curve].use();
  if (key.curve !== curve || !isUncompressedPoint(curve, key.point)) return false;
  return failingClosed(() => {
    const reader = new WireReader(signature);
    const r = padLeft(reader.copyMpint(), curves[curve].length);
    const s = padLeft(reader.copyMpint(), curves[curve].length);
    reader.end();
    if (r === undefined || s === undefined) return false;
    return functions.verify(key.point, data, concatBytes(r, s));
  });
}

function signEcdsaKey(parts: SignatureParts, key: EcdsaPrivateKey, data: Uint8Array): Uint8Array {
  const curve = curveOf(key.type);
  const { length } = curves[curve];
  const functions = parts.nistCurves[curve].use();
  const scalar = padLeft(key.scalar, length);
  if (scalar === undefined) throw misfit(key.type, curve);
  const signature = computing(key.type, () => functions.sign(scalar, data));
  return new WireWriter()
    .mpint(signature.subarray(0, length))
    .mpint(signature.subarray(length))
    .copyWritten();
}

/** A token signs hashes of the application and of the data, with its flags and counter between them. */
function verifySecurityKey(
  parts: SignatureParts,
  key: SecurityKeyPublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const sha256 = (bytes: Uint8Array): Uint8Array => {
    const hash = parts.createHash('sha256');
    hash.update(bytes);
    return hash.digest();
  };
  const token = failingToUndefined(() => decodeSecurityKeySignature(signature));
  if (token === undefined) return false;
  const signed = securityKeyData(sha256(utf8Encode(key.application)), token, sha256(data));
  return key.type === 'sk-ssh-ed25519@openssh.com'
    ? verifyEd25519(parts, { type: 'ssh-ed25519', point: key.point }, signed, token.signature)
    : verifyEcdsa(
        parts,
        { type: 'ecdsa-sha2-nistp256', curve: 'nistp256', point: key.point },
        signed,
        token.signature,
      );
}

/** A signature shorter than the modulus is padded on the left, as RFC 8332 §3 asks of verifiers. */
function verifyRsaPadded(
  parts: SignatureParts,
  hash: HashName | undefined,
  key: RsaPublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (hash === undefined || signature.length === 0 || !isUsableRsaKey(key)) return false;
  const padded = padLeft(signature, rsaModulusLength(key));
  return padded !== undefined && failingClosed(() => parts.rsa.verify(key, hash, data, padded));
}

function padLeft(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length > length) return undefined;
  return concatBytes(new Uint8Array(length - bytes.length), bytes);
}

function curveOf(type: EcdsaPublicKey['type']): CurveName {
  return type.slice('ecdsa-sha2-'.length) as CurveName;
}

function failingToUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function failingClosed(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function computing(algorithm: string, compute: () => Uint8Array): Uint8Array {
  try {
    return compute();
  } catch (cause) {
    if (cause instanceof SshError) throw cause;
    // No cause: what arithmetic says of a number it refuses may quote the number.
    throw cryptoError(`the private key cannot sign with ${algorithm}: its numbers are malformed`);
  }
}

function misfit(algorithm: string, keyType: string): SshError {
  return cryptoError(`a key of type ${keyType} cannot sign with ${algorithm}`);
}

function cryptoError(message: string): SshError {
  return new SshError('ERR_SSH_CRYPTO', message, { origin: 'local' });
}
