/**
 * Deterministic ECDSA over a curve whose point multiplication somebody else does.
 *
 * Owns: RFC 6979 §3.2 (the nonce) and FIPS 186-5 §6.4.1 (the signature from it).
 * Must not know: point arithmetic, wire encodings.
 *
 * A provider on OpenSSL has fast curves but no call for a given nonce; this
 * makes its signatures the same as those of the provider in TypeScript.
 */
import { concatBytes, wipe } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { type CurveRow, curves } from '../kex/curves.ts';
import type { CurveName, HashName } from '../provider/provider.ts';
import { type RandomBytes, randomBelow } from '../provider/random.ts';
import { bigIntToBytes, bytesToBigInt, modInverse } from './bigint.ts';

/** What deterministic ECDSA is made of. */
export interface EcdsaParts {
  hash(name: HashName, data: Uint8Array): Uint8Array;
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** The uncompressed point scalar · G. */
  multiplyBase(curve: CurveName, scalar: Uint8Array): Uint8Array;
  /** Only blinds the inversion of the nonce; the signature does not depend on it. */
  readonly randomBytes: RandomBytes;
}

/** r ‖ s, each as long as the order. */
export function signEcdsa(
  parts: EcdsaParts,
  curve: CurveName,
  scalar: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const row = curves[curve];
  const secret = bytesToBigInt(scalar);
  if (scalar.length !== row.length || secret === 0n || secret >= row.order) {
    throw new SshError('ERR_SSH_CRYPTO', `the private key is not a scalar of ${curve}`, { origin: 'local' });
  }
  const digest = leftmostBits(parts.hash(row.hash, data), row) % row.order;
  for (const nonce of nonces(parts, row, scalar, digest)) {
    const signature = signatureFor(parts, curve, nonce, secret, digest);
    wipe(nonce);
    if (signature !== undefined) return signature;
  }
  throw new SshError('ERR_SSH_INTERNAL', 'no nonce yields a signature', { origin: 'local' });
}

/** RFC 6979 §3.2 b to h; every next value is what step h.3 goes on to. */
function* nonces(
  parts: EcdsaParts,
  row: CurveRow,
  scalar: Uint8Array,
  digest: bigint,
): Generator<Uint8Array, void> {
  const seed = concatBytes(scalar, bigIntToBytes(digest, row.length));
  const hashLength = parts.hash(row.hash, new Uint8Array(0)).length;
  let value = new Uint8Array(hashLength).fill(1);
  let key = new Uint8Array(hashLength);
  const hmac = (...data: Uint8Array[]): Uint8Array => parts.hmac(row.hash, key, concatBytes(...data));
  const rekey = (...tail: Uint8Array[]): void => {
    key = Uint8Array.from(hmac(value, ...tail));
    value = Uint8Array.from(hmac(value));
  };
  rekey(Uint8Array.of(0), seed);
  rekey(Uint8Array.of(1), seed);
  wipe(seed);
  for (;;) {
    const blocks: Uint8Array[] = [];
    for (let length = 0; length < row.length; length += hashLength) {
      value = Uint8Array.from(hmac(value));
      blocks.push(value);
    }
    const candidate = leftmostBits(concatBytes(...blocks), row);
    if (candidate > 0n && candidate < row.order) yield bigIntToBytes(candidate, row.length);
    rekey(Uint8Array.of(0));
  }
}

/**
 * FIPS 186-5 §6.4.1. The inversion sees only the product of the nonce with a
 * random factor, so that its duration says nothing about the nonce.
 */
function signatureFor(
  parts: EcdsaParts,
  curve: CurveName,
  nonce: Uint8Array,
  secret: bigint,
  digest: bigint,
): Uint8Array | undefined {
  const { order, orderBits, length } = curves[curve];
  const point = parts.multiplyBase(curve, nonce);
  const r = bytesToBigInt(point.subarray(1, 1 + length)) % order;
  const blind = bytesToBigInt(randomBelow(order, orderBits, parts.randomBytes));
  const inverse = modInverse(blind * bytesToBigInt(nonce), order);
  if (r === 0n || inverse === undefined) return undefined;
  const blindedSum = (((blind * secret) % order) * r + blind * digest) % order;
  const s = (inverse * blindedSum) % order;
  if (s === 0n) return undefined;
  return concatBytes(bigIntToBytes(r, length), bigIntToBytes(s, length));
}

/** bits2int of RFC 6979 §2.3.2: the leftmost bits, as many as the order has. */
function leftmostBits(bytes: Uint8Array, row: CurveRow): bigint {
  const surplus = 8 * bytes.length - row.orderBits;
  const value = bytesToBigInt(bytes);
  return surplus > 0 ? value >> BigInt(surplus) : value;
}
