/**
 * A provider for a core that loads nothing.
 *
 * Owns: the filling of the slot of compression, which is no provider's.
 * Must not know: what the code computes.
 */
import { createEagerNobleProvider } from '../crypto/noble/eagerProvider.ts';
import type { NobleProviderOptions } from '../crypto/noble/provider.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import { compressionSlot } from '../packet/compressionCode.ts';
import * as zlib from '../packet/zlib.ts';

/**
 * The provider in TypeScript with all code that a core may need: no `algorithmsWanted`
 * event comes. Fills the slots of every provider in the process.
 */
export function createEagerProvider(options: NobleProviderOptions): CryptoProvider {
  compressionSlot.fill(zlib);
  return createEagerNobleProvider(options);
}
