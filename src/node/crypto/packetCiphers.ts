/**
 * The packet ciphers of the provider on OpenSSL.
 *
 * Owns: the choice of implementation by name.
 * Must not know: framing, queues.
 */
import { AesCtrOpening, AesCtrSealing } from '../../crypto/noble/aesCtrPacket.ts';
import { ChachaPolyOpening, ChachaPolySealing } from '../../crypto/noble/chachaPolyPacket.ts';
import { checkDirectionKeys } from '../../crypto/packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../crypto/provider.ts';
import { OpensslChacha } from './packetChacha.ts';
import { measuredCrossings, type PacketCrossings } from './packetCrossings.ts';
import { opensslCtrParts } from './packetCtr.ts';
import { OpensslGcmOpening, OpensslGcmSealing } from './packetGcm.ts';

/** @throws SshError `ERR_SSH_CRYPTO` where keys and algorithms do not fit */
export function createOpeningCipher(
  keys: DirectionKeys,
  crossings: PacketCrossings = measuredCrossings,
): OpeningCipher {
  checkDirectionKeys(keys);
  switch (keys.cipher) {
    case 'aes128-gcm@openssh.com':
    case 'aes256-gcm@openssh.com':
      return new OpensslGcmOpening(keys, crossings);
    case 'chacha20-poly1305@openssh.com':
      return new ChachaPolyOpening(keys, (key) => new OpensslChacha(key, crossings));
    case 'aes128-ctr':
    case 'aes192-ctr':
    case 'aes256-ctr':
      return new AesCtrOpening(keys, opensslCtrParts(keys, crossings));
    default:
      return keys.cipher satisfies never;
  }
}

/** @throws SshError `ERR_SSH_CRYPTO` where keys and algorithms do not fit */
export function createSealingCipher(
  keys: DirectionKeys,
  crossings: PacketCrossings = measuredCrossings,
): SealingCipher {
  checkDirectionKeys(keys);
  switch (keys.cipher) {
    case 'aes128-gcm@openssh.com':
    case 'aes256-gcm@openssh.com':
      return new OpensslGcmSealing(keys, crossings);
    case 'chacha20-poly1305@openssh.com':
      return new ChachaPolySealing(keys, (key) => new OpensslChacha(key, crossings));
    case 'aes128-ctr':
    case 'aes192-ctr':
    case 'aes256-ctr':
      return new AesCtrSealing(keys, opensslCtrParts(keys, crossings));
    default:
      return keys.cipher satisfies never;
  }
}
