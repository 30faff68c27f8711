/**
 * AES-GCM of the provider on OpenSSL, apart from the other packet ciphers.
 *
 * Owns: the two directions of it.
 * Must not know: framing, queues.
 */
import { checkDirectionKeys } from '../../../crypto/provider/packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../../crypto/provider/provider.ts';
import { measuredCrossings } from './packetCrossings.ts';
import { OpensslGcmOpening, OpensslGcmSealing } from './packetGcm.ts';

/** @throws SshError `ERR_SSH_CRYPTO` where keys and cipher do not fit */
export function createOpeningCipher(keys: DirectionKeys): OpeningCipher {
  checkDirectionKeys(keys);
  return new OpensslGcmOpening(keys, measuredCrossings);
}

/** @throws SshError `ERR_SSH_CRYPTO` where keys and cipher do not fit */
export function createSealingCipher(keys: DirectionKeys): SealingCipher {
  checkDirectionKeys(keys);
  return new OpensslGcmSealing(keys, measuredCrossings);
}
