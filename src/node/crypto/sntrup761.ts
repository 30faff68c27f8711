/**
 * Streamlined NTRU Prime with the SHA-512 of OpenSSL.
 *
 * Owns: the choice of the hash, the supply of the process.
 * Must not know: SSH.
 */
import { InverseSupply } from '../../crypto/handwritten/ntruPrime/inverseSupply.ts';
import { createSntrup761 } from '../../crypto/handwritten/ntruPrime/sntrup761.ts';
import type { Sntrup761 } from '../../crypto/provider/primitives.ts';
import { createOpensslHash } from './digests.ts';

/** The same randomness makes the same key pairs. */
export const opensslSntrup761: Sntrup761 = createSntrup761(sha512);

/** For randomness of the system: fleets pay half of it for a key pair. */
export const opensslSntrup761InBatches: Sntrup761 = createSntrup761(sha512, new InverseSupply());

function sha512(data: Uint8Array): Uint8Array {
  const hash = createOpensslHash('sha512');
  hash.update(data);
  return hash.digest();
}
