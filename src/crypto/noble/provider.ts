/**
 * The provider in TypeScript alone: the reference, and the fallback of every other.
 *
 * Owns: its composition. Elliptic curves, ML-KEM and packet ciphers are loaded
 * when they are negotiated; hashes, RSA and Diffie-Hellman are small and always there.
 * Must not know: sockets, clocks, where randomness comes from.
 */

import { callback, checkArgument, objectWith } from '../../base/optionChecks.ts';
import { signRsa, verifyRsa } from '../keys/rsa.ts';
import { assembleProvider } from '../provider/assemble.ts';
import type { Rsa } from '../provider/primitives.ts';
import type { CryptoProvider } from '../provider/provider.ts';
import type { RandomBytes } from '../provider/random.ts';
import { createNobleHash, createNobleHmac, nobleHash } from './digests.ts';
import { nobleCbcSlot, umacSlot } from './packet/rareSlots.ts';
import {
  nobleCurve448Slot,
  nobleCurve25519Slot,
  nobleMlKem768Slot,
  nobleNistCurveSlots,
  noblePacketCiphersSlot,
  nobleSntrup761Slot,
} from './slots.ts';

/** What a provider in TypeScript needs. */
export interface NobleProviderOptions {
  /**
   * Source of all key pairs and padding; the same bytes make the same key pairs.
   * It has no default because this layer has no randomness: programs on Node
   * pass the system's generator.
   */
  readonly randomBytes: RandomBytes;
}

const optionsRule = objectWith('an object such as { randomBytes }', { randomBytes: callback });

/**
 * A provider that computes in TypeScript. Await `loaderFor(algorithm)` before
 * the first use of an algorithm; `createEagerNobleProvider` needs no loading.
 *
 * Verification of Ed25519 multiplies by the cofactor where OpenSSL does not:
 * the two can differ over signatures that the owner of the key crafted to that
 * end, and over no others.
 */
export function createNobleProvider(options: NobleProviderOptions): CryptoProvider {
  checkArgument('the options of createNobleProvider', options, optionsRule);
  return assembleProvider({
    name: 'noble',
    randomBytes: options.randomBytes,
    createHash: createNobleHash,
    createHmac: createNobleHmac,
    curve25519: nobleCurve25519Slot,
    curve448: nobleCurve448Slot,
    nistCurves: nobleNistCurveSlots,
    mlKem768: nobleMlKem768Slot,
    sntrup761: nobleSntrup761Slot,
    rsa: createBigIntRsa(options.randomBytes),
    packetCiphers: () => noblePacketCiphersSlot,
    rareCode: { cbc: nobleCbcSlot, umac: umacSlot },
  });
}

/** RSA over bigint with digests in TypeScript. */
export function createBigIntRsa(randomBytes: RandomBytes): Rsa {
  return {
    sign: (key, hash, data) => signRsa(key, hash, nobleHash(hash, data), randomBytes),
    verify: (key, hash, data, signature) => verifyRsa(key, hash, nobleHash(hash, data), signature),
  };
}
