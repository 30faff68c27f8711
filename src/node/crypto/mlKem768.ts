/**
 * ML-KEM-768 on OpenSSL, for runtimes that offer it (Node 24.7 on OpenSSL 3.5).
 *
 * Owns: key import and the calls.
 * Must not know: SSH.
 */
import * as crypto from 'node:crypto';
import { copyOf } from '../../base/bytes.ts';
import type { MlKem768 } from '../../crypto/provider/primitives.ts';
import { exportPublicKey, frames, importPkcs8, importSpki } from './der.ts';

/** What newer runtimes have beside the functions that all have. */
interface EncapsulationCalls {
  encapsulate(publicKey: crypto.KeyObject): {
    readonly sharedKey: Uint8Array;
    readonly ciphertext: Uint8Array;
  };
  decapsulate(privateKey: crypto.KeyObject, ciphertext: Uint8Array): Uint8Array;
}

/** Every call throws where the runtime lacks these. */
const { encapsulate, decapsulate } = crypto as unknown as EncapsulationCalls;

const publicKeyLength = 1184;

/**
 * Secret keys are seeds of 64 bytes (d ‖ z, FIPS 203 §7.1). `encapsulate` draws
 * its randomness from OpenSSL and not from its argument, so that this is not for seeded providers.
 */
export const opensslMlKem768: MlKem768 = {
  generate: (seed) => ({
    secretKey: copyOf(seed),
    publicKey: exportPublicKey(importPkcs8(frames.mlKem768Seed, seed), publicKeyLength),
  }),
  encapsulate(publicKey) {
    const { sharedKey, ciphertext } = encapsulate(importSpki(frames.mlKem768Public, publicKey));
    return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
  },
  decapsulate: (ciphertext, secretKey) =>
    new Uint8Array(decapsulate(importPkcs8(frames.mlKem768Seed, secretKey), ciphertext)),
};
