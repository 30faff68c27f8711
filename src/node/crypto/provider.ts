/**
 * The provider on OpenSSL, through node:crypto.
 *
 * Owns: its composition.
 * Must not know: sockets, clocks, what the runtime lacks (`slots.ts`).
 */

import { umacSlot } from '../../crypto/noble/packet/rareSlots.ts';
import { nobleMlKem768Slot } from '../../crypto/noble/slots.ts';
import { assembleProvider } from '../../crypto/provider/assemble.ts';
import type { PacketCiphers } from '../../crypto/provider/primitives.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import type { RandomBytes } from '../../crypto/provider/random.ts';
import { filledSlot, ImportedSlot } from '../../crypto/provider/slot.ts';
import { opensslDhAgreement } from './dh.ts';
import { createOpensslHash, createOpensslHmac } from './digests.ts';
import { createOpeningCipher, createSealingCipher } from './packet/gcmCiphers.ts';
import { opensslCbcSlot } from './packet/rareSlots.ts';
import { systemRandomBytes } from './random.ts';
import { opensslRsa } from './rsa.ts';
import {
  opensslCurve448Slot,
  opensslCurve25519Slot,
  opensslMlKem768Slot,
  opensslNistCurveSlots,
  opensslSntrup761BatchSlot,
  opensslSntrup761Slot,
} from './slots.ts';

export interface OpensslProviderOptions {
  /** Source of all key pairs and padding, the system's where not given. The same bytes make the same key pairs. */
  readonly randomBytes?: RandomBytes | undefined;
  /** Every packet goes through OpenSSL, however short; else those for which it is faster. Default: `false`. */
  readonly everyPacket?: boolean | undefined;
}

/** Most servers negotiate AES-GCM: a file of its own would cost more than its code. */
const gcmSlot = filledSlot<PacketCiphers>({ createOpeningCipher, createSealingCipher });
const packetCiphersSlot = new ImportedSlot('packet ciphers', () => import('./packet/packetCiphers.ts'));
const wholePacketCiphersSlot = new ImportedSlot(
  'packet ciphers',
  () => import('./packet/wholePacketCiphers.ts'),
);

/**
 * A provider that computes in OpenSSL what OpenSSL offers. Private keys are
 * imported for each signature and not kept, but for those named to `keep` and an Ed25519 key that was just read; OpenSSL's objects for the secrets of a
 * key exchange (X25519, the named groups) live until they are used.
 */
export function createOpensslProvider(options: OpensslProviderOptions = {}): CryptoProvider {
  const { randomBytes, everyPacket = false } = options;
  return assembleProvider({
    name: 'openssl',
    randomBytes: randomBytes ?? systemRandomBytes,
    createHash: createOpensslHash,
    createHmac: createOpensslHmac,
    curve25519: opensslCurve25519Slot,
    curve448: opensslCurve448Slot,
    nistCurves: opensslNistCurveSlots,
    // OpenSSL encapsulates with randomness of its own, which a given source could not replay.
    mlKem768: randomBytes === undefined ? opensslMlKem768Slot : nobleMlKem768Slot,
    sntrup761: randomBytes === undefined ? opensslSntrup761BatchSlot : opensslSntrup761Slot,
    rsa: opensslRsa,
    // It draws exponents with randomness of its own as well.
    dh: randomBytes === undefined ? opensslDhAgreement : undefined,
    packetCiphers: (cipher) => {
      if (everyPacket) return wholePacketCiphersSlot;
      return cipher.endsWith('-gcm@openssh.com') ? gcmSlot : packetCiphersSlot;
    },
    rareCode: { cbc: everyPacket ? filledSlot(undefined) : opensslCbcSlot, umac: umacSlot },
  });
}
