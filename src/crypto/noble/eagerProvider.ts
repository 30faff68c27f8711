/**
 * The provider in TypeScript with all its code loaded when the module is.
 *
 * Owns: the filling of the slots by static imports. For tests, simulation and
 * fuzzers, which are synchronous from the first call.
 * Must not know: what the modules compute.
 */
import type { CryptoProvider } from '../provider.ts';
import { nobleCurve25519 } from './curve25519.ts';
import { nobleMlKem768 } from './mlKem768.ts';
import { nobleNistCurves } from './nistCurves.ts';
import * as packetCiphers from './packetCiphers.ts';
import { createNobleProvider, type NobleProviderOptions } from './provider.ts';
import {
  nobleCurve25519Slot,
  nobleMlKem768Slot,
  nobleNistCurveSlots,
  noblePacketCiphersSlot,
} from './slots.ts';

/** `createNobleProvider`, ready at once; fills the slots of every provider in the process. */
export function createEagerNobleProvider(options: NobleProviderOptions): CryptoProvider {
  nobleCurve25519Slot.fill(nobleCurve25519);
  nobleMlKem768Slot.fill(nobleMlKem768);
  nobleNistCurveSlots.nistp256.fill(nobleNistCurves.nistp256);
  nobleNistCurveSlots.nistp384.fill(nobleNistCurves.nistp384);
  nobleNistCurveSlots.nistp521.fill(nobleNistCurves.nistp521);
  noblePacketCiphersSlot.fill(packetCiphers);
  return createNobleProvider(options);
}
