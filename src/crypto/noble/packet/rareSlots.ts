/**
 * The slots of the packet ciphers' parts that hardly any connection needs.
 *
 * Owns: which module fills which slot; apart from `slots.ts`, which loads those that use them.
 * Must not know: what the modules compute.
 */

import type { UmacPacketMac } from '../../handwritten/umac.ts';
import type { CbcStreams } from '../../provider/primitives.ts';
import { ImportedSlot } from '../../provider/slot.ts';

export const nobleCbcSlot: ImportedSlot<CbcStreams> = new ImportedSlot(
  'CBC',
  async () => (await import('./cbcStreams.ts')).nobleCbcStreams,
);

export const umacSlot: ImportedSlot<typeof UmacPacketMac> = new ImportedSlot(
  'UMAC',
  async () => (await import('../../handwritten/umac.ts')).UmacPacketMac,
);
