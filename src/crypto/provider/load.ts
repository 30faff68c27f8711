/**
 * Loads a provider's code ahead of time.
 *
 * Owns: the list of everything that can be negotiated.
 * Must not know: what a provider loads for it.
 */
import { ciphers, kexMethods, macs, signatureAlgorithms } from '../algorithms.ts';
import type { CryptoProvider } from './provider.ts';

/** Loads the code of the named algorithms; names that need none are passed over. */
export async function loadAlgorithms(provider: CryptoProvider, algorithms: readonly string[]): Promise<void> {
  await Promise.all(algorithms.map((algorithm) => provider.loaderFor(algorithm)?.()));
}

/** Loads all of a provider's code, so that every synchronous call works. */
export function loadAll(provider: CryptoProvider): Promise<void> {
  return loadAlgorithms(provider, [kexMethods, signatureAlgorithms, ciphers, macs].flatMap(Object.keys));
}
