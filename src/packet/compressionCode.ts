/**
 * The code of compression, which hardly any connection needs.
 *
 * Owns: that DEFLATE is loaded when two sides first agree on it.
 * Must not know: when compression begins.
 */
import { ImportedSlot } from '../crypto/provider/slot.ts';
import type { Deflater } from './deflate.ts';
import type { Inflater } from './inflate.ts';

/** Both directions of one format. */
export interface CompressionCode {
  readonly Deflater: typeof Deflater;
  readonly Inflater: typeof Inflater;
}

/** One for the whole process: what is loaded for one connection is ready for the next. */
export const compressionSlot: ImportedSlot<CompressionCode> = new ImportedSlot(
  'compression',
  () => import('./zlib.ts'),
);
