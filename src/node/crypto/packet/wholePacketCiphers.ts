/**
 * The packet ciphers of `crypto: 'openssl'`: every packet is OpenSSL's, however short.
 *
 * Owns: the choice of implementation by name, with none in TypeScript that looks
 * into a table by a secret: no AES, no GHASH, no DES. What OpenSSL has no call for
 * in Node (Poly1305 and UMAC by themselves) is arithmetic in TypeScript without
 * tables; AES within UMAC is OpenSSL's.
 * Must not know: framing, queues.
 */
import { SshError } from '../../../base/errors.ts';
import { ChachaPolyOpening, ChachaPolySealing } from '../../../crypto/handwritten/chacha/chachaPolyPacket.ts';
import { MacOpening, MacSealing, macOf } from '../../../crypto/noble/packet/macPacket.ts';
import { checkDirectionKeys } from '../../../crypto/provider/packetFields.ts';
import type { MacParts, PacketStream } from '../../../crypto/provider/packetStream.ts';
import type { CbcStreams } from '../../../crypto/provider/primitives.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../../crypto/provider/provider.ts';
import { opensslCbcStreams } from './cbcStreams.ts';
import { bulkChachaWorks, EveryOpensslChacha } from './packetChacha.ts';
import { measuredCrossings, type PacketCrossings } from './packetCrossings.ts';
import { opensslCtrStream } from './packetCtr.ts';
import { OpensslGcmOpening, OpensslGcmSealing } from './packetGcm.ts';
import { wholeOpensslMac } from './packetMac.ts';

const crossings: PacketCrossings = { ...measuredCrossings, gcmWorksAhead: false };

/** @throws SshError `ERR_SSH_CRYPTO` where keys and algorithms do not fit, or the runtime lacks one */
export function createOpeningCipher(keys: DirectionKeys): OpeningCipher {
  checkDirectionKeys(keys);
  return offered(keys, () => {
    switch (keys.cipher) {
      case 'aes128-gcm@openssh.com':
      case 'aes256-gcm@openssh.com':
        return new OpensslGcmOpening(keys, crossings);
      case 'chacha20-poly1305@openssh.com':
        return new ChachaPolyOpening(keys, everyChacha);
      default:
        return new MacOpening(
          keys,
          partsFor(keys, (cbc, name) => cbc.decrypting(name, keys.encryptionKey, keys.iv)),
        );
    }
  });
}

/** @throws SshError `ERR_SSH_CRYPTO` where keys and algorithms do not fit, or the runtime lacks one */
export function createSealingCipher(keys: DirectionKeys): SealingCipher {
  checkDirectionKeys(keys);
  return offered(keys, () => {
    switch (keys.cipher) {
      case 'aes128-gcm@openssh.com':
      case 'aes256-gcm@openssh.com':
        return new OpensslGcmSealing(keys, crossings);
      case 'chacha20-poly1305@openssh.com':
        return new ChachaPolySealing(keys, everyChacha);
      default:
        return new MacSealing(
          keys,
          partsFor(keys, (cbc, name) => cbc.encrypting(name, keys.encryptionKey, keys.iv)),
        );
    }
  });
}

function everyChacha(payloadKey: Uint8Array, lengthKey: Uint8Array): EveryOpensslChacha {
  const chacha = new EveryOpensslChacha(payloadKey, lengthKey, crossings);
  // Bun has no plain ChaCha20, which would show with the first packet only.
  if (!bulkChachaWorks(chacha)) throw new Error('its ChaCha20 gives results of another length');
  return chacha;
}

type CbcName = Parameters<CbcStreams['encrypting']>[0];

function partsFor(keys: DirectionKeys, newCbc: (cbc: CbcStreams, name: CbcName) => PacketStream): MacParts {
  const mac = wholeOpensslMac(macOf(keys), keys.integrityKey);
  switch (keys.cipher) {
    case 'aes128-cbc':
    case 'aes192-cbc':
    case 'aes256-cbc':
    case '3des-cbc':
      return { stream: newCbc(opensslCbcStreams, keys.cipher), mac };
    default:
      return { stream: opensslCtrStream(keys, crossings), mac };
  }
}

/** A runtime that lacks an algorithm says so when it is first used: TypeScript does not step in here. */
function offered<Cipher>({ cipher, mac }: DirectionKeys, make: () => Cipher): Cipher {
  try {
    return make();
  } catch (cause) {
    if (cause instanceof SshError) throw cause;
    const what = mac === undefined ? cipher : `${cipher} with ${mac}`;
    throw new SshError('ERR_SSH_CRYPTO', `the OpenSSL of this runtime does not compute ${what}`, {
      phase: 'keyExchange',
      origin: 'local',
      hint: "crypto: 'auto' computes it in TypeScript",
      cause,
    });
  }
}
