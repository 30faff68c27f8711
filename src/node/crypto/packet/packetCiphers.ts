/**
 * The packet ciphers of the provider on OpenSSL.
 *
 * Owns: the choice of implementation by name.
 * Must not know: framing, queues.
 */

import { ChachaPolyOpening, ChachaPolySealing } from '../../../crypto/handwritten/chacha/chachaPolyPacket.ts';
import { MacOpening, MacSealing, macOf } from '../../../crypto/noble/packet/macPacket.ts';
import { checkDirectionKeys } from '../../../crypto/provider/packetFields.ts';
import type { PacketMac } from '../../../crypto/provider/packetStream.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../../crypto/provider/provider.ts';
import { bulkChachaSlot } from './packetChacha.ts';
import { measuredCrossings, type PacketCrossings } from './packetCrossings.ts';
import { opensslCtrStream } from './packetCtr.ts';
import { OpensslGcmOpening, OpensslGcmSealing } from './packetGcm.ts';
import { opensslMac } from './packetMac.ts';
import { opensslCbcSlot } from './rareSlots.ts';

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
      return new ChachaPolyOpening(keys, bulkChachaSlot.use()(crossings));
    case 'aes128-ctr':
    case 'aes192-ctr':
    case 'aes256-ctr':
      return new MacOpening(keys, {
        stream: opensslCtrStream(keys, crossings),
        mac: newMac(keys, crossings),
      });
    case 'aes128-cbc':
    case 'aes192-cbc':
    case 'aes256-cbc':
    case '3des-cbc': {
      const stream = opensslCbcSlot.use().decrypting(keys.cipher, keys.encryptionKey, keys.iv);
      return new MacOpening(keys, { stream, mac: newMac(keys, crossings) });
    }
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
      return new ChachaPolySealing(keys, bulkChachaSlot.use()(crossings));
    case 'aes128-ctr':
    case 'aes192-ctr':
    case 'aes256-ctr':
      return new MacSealing(keys, {
        stream: opensslCtrStream(keys, crossings),
        mac: newMac(keys, crossings),
      });
    case 'aes128-cbc':
    case 'aes192-cbc':
    case 'aes256-cbc':
    case '3des-cbc': {
      const stream = opensslCbcSlot.use().encrypting(keys.cipher, keys.encryptionKey, keys.iv);
      return new MacSealing(keys, { stream, mac: newMac(keys, crossings) });
    }
    default:
      return keys.cipher satisfies never;
  }
}

function newMac(keys: DirectionKeys, crossings: PacketCrossings): PacketMac {
  return opensslMac(macOf(keys), keys.integrityKey, crossings);
}
