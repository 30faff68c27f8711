/**
 * The packet ciphers of the provider `noble`: TypeScript alone.
 *
 * Owns: the choice of implementation by name.
 * Must not know: framing, queues.
 */
import { checkDirectionKeys } from '../packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../provider.ts';
import { AesCtrOpening, AesCtrSealing } from './aesCtrPacket.ts';
import { AesGcmOpening, AesGcmSealing } from './aesGcmPacket.ts';
import { ChachaPolyOpening, ChachaPolySealing } from './chachaPolyPacket.ts';

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
      return new AesCtrOpening(keys);
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
      return new AesCtrSealing(keys);
    default:
      return keys.cipher satisfies never;
  }
}
