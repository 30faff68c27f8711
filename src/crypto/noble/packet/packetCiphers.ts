/**
 * The packet ciphers of the provider `noble`: TypeScript alone.
 *
 * Owns: the choice of implementation by name.
 * Must not know: framing, queues.
 */
import type { MacRow } from '../../algorithms.ts';
import { ChachaPolyOpening, ChachaPolySealing } from '../../handwritten/chacha/chachaPolyPacket.ts';
import { Sha256PacketMac } from '../../handwritten/sha256Mac.ts';
import { checkDirectionKeys } from '../../provider/packetFields.ts';
import type { PacketMac } from '../../provider/packetStream.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../provider/provider.ts';
import { AesCtrStream } from './aesCtrStream.ts';
import { AesGcmOpening, AesGcmSealing } from './aesGcmPacket.ts';
import { HmacPacketMac } from './hmacPacket.ts';
import { MacOpening, MacSealing, macOf } from './macPacket.ts';
import { nobleCbcSlot, umacSlot } from './rareSlots.ts';

/** @throws SshError `ERR_SSH_CRYPTO` where keys and algorithms do not fit */
export function createOpeningCipher(keys: DirectionKeys): OpeningCipher {
  checkDirectionKeys(keys);
  switch (keys.cipher) {
    case 'aes128-gcm@openssh.com':
    case 'aes256-gcm@openssh.com':
      return new AesGcmOpening(keys);
    case 'chacha20-poly1305@openssh.com':
      return new ChachaPolyOpening(keys);
    case 'aes128-ctr':
    case 'aes192-ctr':
    case 'aes256-ctr':
      return new MacOpening(keys, { stream: newCounter(keys), mac: newMac(keys) });
    case 'aes128-cbc':
    case 'aes192-cbc':
    case 'aes256-cbc':
    case '3des-cbc': {
      const stream = nobleCbcSlot.use().decrypting(keys.cipher, keys.encryptionKey, keys.iv);
      return new MacOpening(keys, { stream, mac: newMac(keys) });
    }
    default:
      return keys.cipher satisfies never;
  }
}

/** @throws SshError `ERR_SSH_CRYPTO` where keys and algorithms do not fit */
export function createSealingCipher(keys: DirectionKeys): SealingCipher {
  checkDirectionKeys(keys);
  switch (keys.cipher) {
    case 'aes128-gcm@openssh.com':
    case 'aes256-gcm@openssh.com':
      return new AesGcmSealing(keys);
    case 'chacha20-poly1305@openssh.com':
      return new ChachaPolySealing(keys);
    case 'aes128-ctr':
    case 'aes192-ctr':
    case 'aes256-ctr':
      return new MacSealing(keys, { stream: newCounter(keys), mac: newMac(keys) });
    case 'aes128-cbc':
    case 'aes192-cbc':
    case 'aes256-cbc':
    case '3des-cbc': {
      const stream = nobleCbcSlot.use().encrypting(keys.cipher, keys.encryptionKey, keys.iv);
      return new MacSealing(keys, { stream, mac: newMac(keys) });
    }
    default:
      return keys.cipher satisfies never;
  }
}

function newCounter(keys: DirectionKeys): AesCtrStream {
  return new AesCtrStream(keys.encryptionKey, keys.iv);
}

function newMac(keys: DirectionKeys): PacketMac {
  return typescriptMac(macOf(keys), keys.integrityKey);
}

/** The MAC of a row of the table. */
export function typescriptMac(row: MacRow, key: Uint8Array): PacketMac {
  switch (row.hash) {
    case 'sha256':
      return new Sha256PacketMac(key);
    case 'sha1':
    case 'sha512':
      return new HmacPacketMac(row.hash, key, row.tagLength);
    case 'umac': {
      const Umac = umacSlot.use();
      return new Umac(key, row.tagLength);
    }
    default:
      return row.hash satisfies never;
  }
}
