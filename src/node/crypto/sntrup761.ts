/**
 * Streamlined NTRU Prime with the SHA-512 of OpenSSL.
 *
 * Owns: the choice of the hash.
 * Must not know: SSH.
 */
import { createSntrup761 } from '../../crypto/handwritten/ntruPrime/sntrup761.ts';
import type { Sntrup761 } from '../../crypto/provider/primitives.ts';
import { createOpensslHash } from './digests.ts';

export const opensslSntrup761: Sntrup761 = createSntrup761((data) => {
  const hash = createOpensslHash('sha512');
  hash.update(data);
  return hash.digest();
});
