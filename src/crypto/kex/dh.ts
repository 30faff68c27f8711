/**
 * Diffie-Hellman over a prime field: under every provider for groups that a server
 * proposes, and for the others where OpenSSL is slower or its exponents are no use.
 *
 * Owns: RFC 4253 §8 (the numbers), RFC 8268 §4 (their range), the length of exponents.
 * Must not know: which groups are negotiated, wire encodings.
 *
 * Over bigint: of the ways to set a secret exponent by value in node:crypto,
 * `createDiffieHellman` may test the prime first (30 s for group 18 on Node 24 and
 * on Bun), and a key object may be checked by an exponentiation of full length
 * (113 ms for group 18 on Node 20, unknown on Bun). This takes about 30 ms for group
 * 18, everywhere.
 */
import { SshError } from '../../base/errors.ts';
import { bigIntToBytes, bitLengthOf, bytesToBigInt, modPow } from '../keys/bigint.ts';
import type { AgreementKeyPair, DhGroup, KeyAgreement } from '../provider/provider.ts';
import type { RandomBytes } from '../provider/random.ts';

/** Bits of a prime: the least (RFC 8270 §2), and the most that OpenSSH asks for or uses (RFC 4419 §3 leaves it open). */
export const dhBounds: { readonly minimum: number; readonly maximum: number } = {
  minimum: 2048,
  maximum: 8192,
};
/** Group 1, which has to be asked for. */
const minimumNamedBits = 1024;

/**
 * Bits of a secret exponent: twice the strength of the strongest cipher, 256
 * bits, which exceeds twice the strength of any of these groups (RFC 3526 §8)
 * and is the least that OpenSSH takes.
 */
const exponentBits = 512;

/**
 * Key agreement over `group`; public values and secrets are as long as the prime.
 *
 * @throws SshError `ERR_SSH_KEY_EXCHANGE` for a prime that is even, shorter
 * than 2,048 or longer than 8,192 bits (RFC 8270 §2), or a generator out of range
 */
export function createDhAgreement(group: DhGroup, randomBytes: RandomBytes): KeyAgreement {
  // Looked at before they are made numbers: a peer may have sent them (RFC 4419).
  if (group.prime.length > dhBounds.maximum / 8 + 1) throw groupError();
  const prime = bytesToBigInt(group.prime);
  const generator = bytesToBigInt(group.generator);
  const bits = bitLengthOf(prime);
  const minimum = group.isNamed === true ? minimumNamedBits : dhBounds.minimum;
  if (bits < minimum || bits > dhBounds.maximum || (prime & 1n) === 0n) throw groupError();
  if (!isInRange(generator, prime)) throw groupError();
  const length = Math.ceil(bits / 8);
  return {
    generate(): AgreementKeyPair {
      const secretKey = randomBytes(exponentBits / 8);
      // A fixed top bit: the length is what was promised, and the key is never 0.
      secretKey[0] = (secretKey[0] as number) | 0x80;
      const value = modPow(generator, bytesToBigInt(secretKey), prime);
      if (!isInRange(value, prime)) throw groupError();
      return { secretKey, publicKey: bigIntToBytes(value, length) };
    },
    sharedSecret(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array {
      if (peerPublicKey.length > length) throw rangeError();
      const value = bytesToBigInt(peerPublicKey);
      if (!isInRange(value, prime)) throw rangeError();
      return bigIntToBytes(modPow(value, bytesToBigInt(secretKey), prime), length);
    },
  };
}

/** @throws SshError `ERR_SSH_KEY_EXCHANGE` for a value out of the range that RFC 8268 §4 sets */
export function checkPeerValue(group: DhGroup, peerPublicKey: Uint8Array): void {
  if (peerPublicKey.length > group.prime.length) throw rangeError();
  if (!isInRange(bytesToBigInt(peerPublicKey), bytesToBigInt(group.prime))) throw rangeError();
}

/** 1 < value < prime - 1 (RFC 8268 §4). */
function isInRange(value: bigint, prime: bigint): boolean {
  return value > 1n && value < prime - 1n;
}

function groupError(): SshError {
  return new SshError(
    'ERR_SSH_KEY_EXCHANGE',
    `the Diffie-Hellman group is not acceptable: an odd prime of ${dhBounds.minimum} to ${dhBounds.maximum} bits and a generator from 2 to p-2 are`,
    { phase: 'keyExchange' },
  );
}

function rangeError(): SshError {
  return new SshError(
    'ERR_SSH_KEY_EXCHANGE',
    'the Diffie-Hellman value of the peer is out of range: it must lie between 1 and p-1 (RFC 8268 section 4)',
    { phase: 'keyExchange' },
  );
}
