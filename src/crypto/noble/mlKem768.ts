/**
 * ML-KEM-768 in TypeScript.
 *
 * Owns: the adaption of the library's functions.
 * Must not know: SSH.
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { MlKem768 } from '../provider/primitives.ts';

/** Secret keys are expanded decapsulation keys (FIPS 203 §7.1). */
export const nobleMlKem768: MlKem768 = {
  generate: (seed) => ml_kem768.keygen(seed),
  encapsulate(publicKey, message) {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
    // The library returns a window into a larger buffer.
    return { ciphertext: cipherText, sharedSecret: sharedSecret.slice() };
  },
  decapsulate: (ciphertext, secretKey) => ml_kem768.decapsulate(ciphertext, secretKey).slice(),
};
