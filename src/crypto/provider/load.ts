/**
 * Loads a provider's code ahead of time.
 *
 * Owns: the list of everything that can be negotiated.
 * Must not know: what a provider loads for it.
 */
import { anyList, callback, checkArgument, objectWith } from '../../base/optionChecks.ts';
import { ciphers, kexMethods, macs, signatureAlgorithms } from '../algorithms.ts';
import type { CryptoProvider } from './provider.ts';

const providerRule = objectWith('a CryptoProvider, such as createNobleProvider gives', {
  loaderFor: callback,
});

/** Loads the code of the named algorithms; names that need none are passed over. */
export async function loadAlgorithms(provider: CryptoProvider, algorithms: readonly string[]): Promise<void> {
  checkArgument('the provider for loadAlgorithms', provider, providerRule);
  checkArgument('the algorithms for loadAlgorithms', algorithms, anyList);
  await Promise.all(algorithms.map((algorithm) => provider.loaderFor(algorithm)?.()));
}

/** Loads all of a provider's code, so that every synchronous call works. */
export async function loadAll(provider: CryptoProvider): Promise<void> {
  return loadAlgorithms(provider, [kexMethods, signatureAlgorithms, ciphers, macs].flatMap(Object.keys));
}
