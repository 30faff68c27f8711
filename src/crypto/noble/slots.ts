/**
 * The slots of the TypeScript implementations, one set for the whole process.
 *
 * Owns: which module fills which slot.
 * Must not know: what the modules compute.
 *
 * Shared by all providers, so that code loaded for one connection is ready for the next.
 */
import type {
  Curve448,
  Curve25519,
  Digests,
  MlKem768,
  NistCurve,
  PacketCiphers,
  Sntrup761,
} from '../provider/primitives.ts';
import type { CurveName } from '../provider/provider.ts';
import { ImportedSlot } from '../provider/slot.ts';

export const nobleDigestsSlot: ImportedSlot<Digests> = new ImportedSlot(
  'hashes',
  async () => (await import('./digests.ts')).nobleDigests,
);

export const nobleCurve25519Slot: ImportedSlot<Curve25519> = new ImportedSlot(
  'curve25519',
  async () => (await import('./curve25519.ts')).nobleCurve25519,
);

export const nobleCurve448Slot: ImportedSlot<Curve448> = new ImportedSlot(
  'curve448',
  async () => (await import('./curve448.ts')).nobleCurve448,
);

export const nobleSntrup761Slot: ImportedSlot<Sntrup761> = new ImportedSlot(
  'sntrup761',
  async () => (await import('./sntrup761.ts')).nobleSntrup761,
);

export const nobleMlKem768Slot: ImportedSlot<MlKem768> = new ImportedSlot(
  'ML-KEM-768',
  async () => (await import('./mlKem768.ts')).nobleMlKem768,
);

export const noblePacketCiphersSlot: ImportedSlot<PacketCiphers> = new ImportedSlot(
  'the packet ciphers',
  () => import('./packet/packetCiphers.ts'),
);

export const nobleNistCurveSlots: { readonly [C in CurveName]: ImportedSlot<NistCurve> } = {
  nistp256: nistCurveSlot('nistp256'),
  nistp384: nistCurveSlot('nistp384'),
  nistp521: nistCurveSlot('nistp521'),
};

function nistCurveSlot(curve: CurveName): ImportedSlot<NistCurve> {
  return new ImportedSlot(curve, async () => (await import('./nistCurves.ts')).nobleNistCurves[curve]);
}
