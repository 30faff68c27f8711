/**
 * Private keys made from the numbers a file holds.
 *
 * Owns: the checks every format shares: lengths, ranges, and that the private
 * half belongs to the public half.
 * Must not know: formats.
 * Sources: RFC 8032 §5.1.5, SEC 1 §3.2.1, RFC 8017 §3.2.
 */
import { copyOf, equalBytes } from '../base/bytes.ts';
import { bytesToBigInt } from '../crypto/keys/bigint.ts';
import type {
  EcdsaPrivateKey,
  Ed25519PrivateKey,
  PrivateKey,
  RsaPrivateKey,
} from '../crypto/keys/privateKey.ts';
import type { RsaBounds } from '../crypto/keys/publicKey.ts';
import { bitLength, decodePublicKey, encodePublicKey } from '../crypto/keys/publicKey.ts';
import type { CurveName } from '../crypto/provider/provider.ts';
import { WireReader } from '../wire/reader.ts';
import type { KeyArithmetic } from './arithmetic.ts';
import type { DerivationLimits } from './derivation/derivationLimits.ts';
import { asKeyError, keyFormatError, keyUnsupportedError } from './errors.ts';
import { toFixedLength, viewTrimmed } from './pem/numbers.ts';

/** What the formats are given to make keys with. */
export interface KeyContext {
  readonly arithmetic: KeyArithmetic;
  readonly rsaBounds: RsaBounds;
}

/** What a parser of files that may be encrypted is given as well. */
export interface ParseContext extends KeyContext {
  readonly passphrase: Uint8Array | undefined;
  readonly derivation: DerivationLimits;
}

/** Bytes of a scalar, which is as long as the curve's order. */
export const scalarLengths: { readonly [K in CurveName]: number } = {
  nistp256: 32,
  nistp384: 48,
  nistp521: 66,
};

/**
 * The magnitude of an mpint in a key file, which may begin with more zeros than
 * RFC 4251 §5 allows: OpenSSH and PuTTY read such files. On the wire it is an error.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT` for a negative one
 */
export function copyMagnitude(reader: WireReader): Uint8Array {
  const value = reader.viewString();
  if (((value[0] ?? 0) & 0x80) !== 0) throw keyFormatError('a negative number where none can be');
  return copyOf(viewTrimmed(value));
}

/** @param point the public half where the file has one */
export function ed25519PrivateKey(
  context: KeyContext,
  seed: Uint8Array,
  point?: Uint8Array,
): Ed25519PrivateKey {
  if (seed.length !== 32) throw keyFormatError(`an Ed25519 seed of ${seed.length} bytes; it has 32`);
  // The arithmetic may keep what it made of this very array for the first signature.
  const own = copyOf(seed);
  const derived = context.arithmetic.ed25519PublicKey(own);
  if (point !== undefined && !equalBytes(point, derived)) throw halvesDiffer();
  return {
    type: 'ssh-ed25519',
    publicKey: { type: 'ssh-ed25519', point: copyOf(derived) },
    seed: own,
  };
}

/** @param point the public half where the file has one, uncompressed or compressed (SEC 1 §2.3.3) */
export function ecdsaPrivateKey(
  context: KeyContext,
  curve: CurveName,
  secret: Uint8Array,
  point?: Uint8Array,
): EcdsaPrivateKey {
  const scalar = toFixedLength(secret, scalarLengths[curve]);
  const derived = scalar === undefined ? undefined : context.arithmetic.ecPublicKey(curve, scalar);
  if (scalar === undefined || derived === undefined) {
    throw keyFormatError(`an EC private key that is out of the range of ${curve}`);
  }
  if (point !== undefined && !isPoint(point, derived)) throw halvesDiffer();
  const type = `ecdsa-sha2-${curve}` as const;
  return { type, publicKey: { type, curve, point: copyOf(derived) }, scalar };
}

/** Numbers of an RSA key as magnitudes; the exponents of the primes are in some formats only. */
export interface RsaNumbers {
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  readonly privateExponent: Uint8Array;
  readonly prime1: Uint8Array;
  readonly prime2: Uint8Array;
  readonly coefficient: Uint8Array;
  readonly exponent1?: Uint8Array;
  readonly exponent2?: Uint8Array;
}

/** Every relation between the numbers is checked; that the primes are prime is not. */
export function rsaPrivateKey(context: KeyContext, numbers: RsaNumbers): RsaPrivateKey {
  const publicKey = {
    type: 'ssh-rsa',
    exponent: copyOf(viewTrimmed(numbers.exponent)),
    modulus: copyOf(viewTrimmed(numbers.modulus)),
  } as const;
  checkPublicRsa(publicKey, context.rsaBounds);
  const p = bytesToBigInt(numbers.prime1);
  const q = bytesToBigInt(numbers.prime2);
  const d = bytesToBigInt(numbers.privateExponent);
  if (p <= 1n || q <= 1n || p * q !== bytesToBigInt(publicKey.modulus)) throw halvesDiffer();
  if (d >= bytesToBigInt(publicKey.modulus)) throw halvesDiffer();
  if (!isInverse(bytesToBigInt(publicKey.exponent), d, p - 1n)) throw halvesDiffer();
  if (!isInverse(bytesToBigInt(publicKey.exponent), d, q - 1n)) throw halvesDiffer();
  const coefficient = bytesToBigInt(numbers.coefficient);
  if (coefficient >= p || !isInverse(coefficient, q, p)) throw halvesDiffer();
  if (numbers.exponent1 !== undefined && bytesToBigInt(numbers.exponent1) !== d % (p - 1n))
    throw halvesDiffer();
  if (numbers.exponent2 !== undefined && bytesToBigInt(numbers.exponent2) !== d % (q - 1n))
    throw halvesDiffer();
  return {
    type: 'ssh-rsa',
    publicKey,
    privateExponent: copyOf(viewTrimmed(numbers.privateExponent)),
    prime1: copyOf(viewTrimmed(numbers.prime1)),
    prime2: copyOf(viewTrimmed(numbers.prime2)),
    coefficient: copyOf(viewTrimmed(numbers.coefficient)),
  };
}

/** Refuses a private key whose public half is not the one the same file declared elsewhere. */
export function checkDeclaredBlob(key: PrivateKey, blob: Uint8Array): void {
  const own = encodePublicKey(key.publicKey);
  if (!equalBytes(own, blob) && !equalBytes(own, withoutZeros(blob))) throw halvesDiffer();
}

/** The blob of an RSA key, its numbers as they have to be on the wire; any other as it is. */
function withoutZeros(blob: Uint8Array): Uint8Array {
  const reader = new WireReader(blob);
  const type = reader.name();
  if (type !== 'ssh-rsa') return blob;
  const exponent = copyMagnitude(reader);
  const modulus = copyMagnitude(reader);
  reader.end();
  return encodePublicKey({ type, exponent, modulus });
}

/** The same for an EC point, uncompressed or compressed. */
export function checkDeclaredPoint(key: EcdsaPrivateKey, point: Uint8Array): void {
  if (!isPoint(point, key.publicKey.point)) throw halvesDiffer();
}

function checkPublicRsa(
  key: PrivateKey['publicKey'] & { readonly type: 'ssh-rsa' },
  bounds: RsaBounds,
): void {
  const bits = bitLength(key.modulus);
  if (bits < bounds.rsaMinimumBits || bits > bounds.rsaMaximumBits) {
    throw keyUnsupportedError(
      `an RSA key of ${bits} bits; from ${bounds.rsaMinimumBits} to ${bounds.rsaMaximumBits} are allowed`,
      { hint: 'limits.rsaMinimumBits sets the least' },
    );
  }
  try {
    decodePublicKey(encodePublicKey(key), bounds);
  } catch (error) {
    throw asKeyError(error, 'RSA key');
  }
}

function isPoint(given: Uint8Array, derived: Uint8Array): boolean {
  if (given.length === derived.length) return equalBytes(given, derived);
  const coordinate = (derived.length - 1) / 2;
  const parity = (derived[derived.length - 1] as number) & 1;
  return given[0] === (2 | parity) && equalBytes(given.subarray(1), derived.subarray(1, 1 + coordinate));
}

function isInverse(a: bigint, b: bigint, modulus: bigint): boolean {
  return (a * b) % modulus === 1n;
}

function halvesDiffer(): Error {
  return keyFormatError(
    'the key file is damaged: its numbers do not belong together (the private half does not make the public half)',
  );
}
