/**
 * The slots of the packet ciphers' parts on OpenSSL that hardly any connection needs.
 *
 * Owns: their trial before first use; see `slots.ts`.
 * Must not know: SSH.
 */
import { nobleCbcSlot } from '../../../crypto/noble/packet/rareSlots.ts';
import type { CbcStreams } from '../../../crypto/provider/primitives.ts';
import { PreferredSlot, type Slot } from '../../../crypto/provider/slot.ts';
import { opensslCbcStreams } from './cbcStreams.ts';

export const opensslCbcSlot: Slot<CbcStreams> = new PreferredSlot(opensslCbcStreams, cbcWorks, nobleCbcSlot);

/** Triple DES is the one that runtimes leave out. A context that holds a block back is of no use. */
function cbcWorks(streams: CbcStreams): boolean {
  const [key, iv] = [Uint8Array.from({ length: 24 }, (_, i) => i), new Uint8Array(8)];
  const [sealing, opening] = [
    streams.encrypting('3des-cbc', key, iv),
    streams.decrypting('3des-cbc', key, iv),
  ];
  const block = new Uint8Array(8);
  for (let i = 0; i < 2; i++) {
    sealing.crypt(block, 0, 8);
    if (block.every((byte) => byte === 0)) return false;
    opening.crypt(block, 0, 8);
    if (block.some((byte) => byte !== 0)) return false;
  }
  return true;
}
