/**
 * RSASSA-PKCS1-v1_5 over bigint.
 *
 * Owns: RFC 8017 §5.2 (primitives, with the Chinese remainder theorem) and
 * §8.2, §9.2 (signature and its encoding).
 * Must not know: wire encodings, algorithm names, where digests come from.
 *
 * The private operation is blinded, because bigint arithmetic takes time that
 * depends on its operands, and its result is verified before it is returned,
 * because one faulty half of the remainder theorem would give the primes away.
 */
import { concatBytes, equalBytes, fromHex } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { type RandomBytes, randomBelow } from '../provider/random.ts';
import { bigIntToBytes, bitLengthOf, bytesToBigInt, modInverse, modPow, modulo } from './bigint.ts';
import type { RsaPrivateKey } from './privateKey.ts';
import type { RsaPublicKey } from './publicKey.ts';

/** DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1). SHA-1 is for ssh-rsa, MD5 left out on purpose. */
const digestInfoPrefixes: ReadonlyMap<string, Uint8Array> = new Map([
  ['sha1', fromHex('3021300906052b0e03021a05000414')],
  ['sha256', fromHex('3031300d060960864801650304020105000420')],
  ['sha384', fromHex('3041300d060960864801650304020205000430')],
  ['sha512', fromHex('3051300d060960864801650304020305000440')],
]);

const maximumModulusBits = 16_384;
const maximumExponentBits = 64;

/**
 * Whether the numbers can be a public key that is worth an exponentiation: odd
 * modulus of at most 16,384 bits, odd exponent of 3 to 64 bits' length below it.
 */
export function isUsableRsaKey(key: RsaPublicKey): boolean {
  if (key.modulus.length > maximumModulusBits / 8 + 1 || key.exponent.length > maximumExponentBits / 8 + 1) {
    return false;
  }
  const modulus = bytesToBigInt(key.modulus);
  const exponent = bytesToBigInt(key.exponent);
  return (
    (modulus & 1n) === 1n &&
    bitLengthOf(modulus) <= maximumModulusBits &&
    (exponent & 1n) === 1n &&
    exponent >= 3n &&
    bitLengthOf(exponent) <= maximumExponentBits &&
    exponent < modulus
  );
}

/** Bytes of the modulus without leading zeros: the length of every signature. */
export function rsaModulusLength(key: RsaPublicKey): number {
  return Math.ceil(bitLengthOf(bytesToBigInt(key.modulus)) / 8);
}

/**
 * Whether `signature`, exactly as long as the modulus, is that of `digest`. The
 * whole encoded message is built anew and compared (RFC 8017 §8.2.2), so that
 * nothing in it is parsed.
 */
export function verifyRsa(
  key: RsaPublicKey,
  hash: string,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!isUsableRsaKey(key)) return false;
  const length = rsaModulusLength(key);
  const expected = encodeDigest(hash, digest, length);
  const modulus = bytesToBigInt(key.modulus);
  const value = bytesToBigInt(signature);
  if (expected === undefined || signature.length !== length || value >= modulus) return false;
  return equalBytes(bigIntToBytes(modPow(value, bytesToBigInt(key.exponent), modulus), length), expected);
}

/**
 * The signature of `digest`, as long as the modulus.
 *
 * @param randomBytes source of the blinding factor; the signature does not depend on it
 * @throws SshError `ERR_SSH_CRYPTO` for a key whose numbers contradict each other or that is too short for the hash
 */
export function signRsa(
  key: RsaPrivateKey,
  hash: string,
  digest: Uint8Array,
  randomBytes: RandomBytes,
): Uint8Array {
  if (!isUsableRsaKey(key.publicKey)) throw keyError('the RSA key has a modulus or exponent out of range');
  const length = rsaModulusLength(key.publicKey);
  const encoded = encodeDigest(hash, digest, length);
  if (encoded === undefined) throw keyError(`an RSA key of ${8 * length} bits cannot sign with ${hash}`);
  const message = bytesToBigInt(encoded);
  const modulus = bytesToBigInt(key.publicKey.modulus);
  const exponent = bytesToBigInt(key.publicKey.exponent);
  const blind = drawBlind(modulus, randomBytes);
  const blinded = (message * modPow(blind.factor, exponent, modulus)) % modulus;
  const signature = (privateOperation(key, modulus, blinded) * blind.inverse) % modulus;
  if (modPow(signature, exponent, modulus) !== message) {
    throw keyError('the numbers of the RSA private key do not fit each other');
  }
  return bigIntToBytes(signature, length);
}

/** RFC 8017 §5.1.2, step 2b. */
function privateOperation(key: RsaPrivateKey, modulus: bigint, message: bigint): bigint {
  const prime1 = bytesToBigInt(key.prime1);
  const prime2 = bytesToBigInt(key.prime2);
  if (prime1 < 3n || prime2 < 3n || prime1 * prime2 !== modulus) {
    throw keyError('the primes of the RSA private key do not multiply to its modulus');
  }
  const exponent = bytesToBigInt(key.privateExponent);
  const part1 = modPow(message, exponent % (prime1 - 1n), prime1);
  const part2 = modPow(message, exponent % (prime2 - 1n), prime2);
  const difference = modulo((part1 - part2) * bytesToBigInt(key.coefficient), prime1);
  return part2 + prime2 * difference;
}

function drawBlind(modulus: bigint, randomBytes: RandomBytes): { factor: bigint; inverse: bigint } {
  const factor = bytesToBigInt(randomBelow(modulus, bitLengthOf(modulus), randomBytes));
  const inverse = modInverse(factor, modulus);
  if (inverse === undefined) throw keyError('the RSA modulus has a small factor');
  return { factor, inverse };
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2); undefined where hash and length do not allow it. */
function encodeDigest(hash: string, digest: Uint8Array, length: number): Uint8Array | undefined {
  const prefix = digestInfoPrefixes.get(hash);
  if (prefix === undefined) return undefined;
  const info = concatBytes(prefix, digest);
  const padding = length - info.length - 3;
  if (padding < 8) return undefined;
  return concatBytes(Uint8Array.of(0, 1), new Uint8Array(padding).fill(0xff), Uint8Array.of(0), info);
}

function keyError(message: string): SshError {
  return new SshError('ERR_SSH_CRYPTO', message, { origin: 'local' });
}
