/**
 * The provider in TypeScript with all its code loaded when the module is.
 *
 * Owns: the filling of the slots by static imports. For tests, simulation and
 * fuzzers, which are synchronous from the first call.
 * Must not know: what the modules compute.
 */

import { UmacPacketMac } from '../handwritten/umac.ts';
import type { CryptoProvider } from '../provider/provider.ts';
import { nobleCurve448 } from './curve448.ts';
import { nobleCurve25519 } from './curve25519.ts';
import { nobleMlKem768 } from './mlKem768.ts';
import { nobleNistCurves } from './nistCurves.ts';
import { nobleCbcStreams } from './packet/cbcStreams.ts';
import * as packetCiphers from './packet/packetCiphers.ts';
import { nobleCbcSlot, umacSlot } from './packet/rareSlots.ts';
import { createNobleProvider, type NobleProviderOptions } from './provider.ts';
import {
  nobleCurve448Slot,
  nobleCurve25519Slot,
  nobleMlKem768Slot,
  nobleNistCurveSlots,
  noblePacketCiphersSlot,
  nobleSntrup761Slot,
} from './slots.ts';
import { nobleSntrup761 } from './sntrup761.ts';

/** `createNobleProvider`, ready at once; fills the slots of every provider in the process. */
export function createEagerNobleProvider(options: NobleProviderOptions): CryptoProvider {
  nobleCurve25519Slot.fill(nobleCurve25519);
  nobleCurve448Slot.fill(nobleCurve448);
  nobleSntrup761Slot.fill(nobleSntrup761);
  nobleMlKem768Slot.fill(nobleMlKem768);
  nobleNistCurveSlots.nistp256.fill(nobleNistCurves.nistp256);
  nobleNistCurveSlots.nistp384.fill(nobleNistCurves.nistp384);
  nobleNistCurveSlots.nistp521.fill(nobleNistCurves.nistp521);
  noblePacketCiphersSlot.fill(packetCiphers);
  nobleCbcSlot.fill(nobleCbcStreams);
  umacSlot.fill(UmacPacketMac);
  return createNobleProvider(options);
}
