/** `KeyArithmetic` on OpenSSL: shows that the seam holds, and spares tests that read thousands of keys the time. */
import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyArithmetic } from '../../src/keys/arithmetic.ts';

const names = { nistp256: 'prime256v1', nistp384: 'secp384r1', nistp521: 'secp521r1' } as const;
/** PKCS#8 around an Ed25519 seed (RFC 8410 §7). */
const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export const opensslArithmetic: KeyArithmetic = {
  ed25519PublicKey(seed) {
    const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
    return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32));
  },
  ecPublicKey(curve, scalar) {
    const ecdh = createECDH(names[curve]);
    try {
      ecdh.setPrivateKey(scalar);
    } catch {
      return undefined;
    }
    return new Uint8Array(ecdh.getPublicKey());
  },
};
