/**
 * What a server and this client both have.
 *
 * Owns: the comparison of an offer with the client's tables.
 * Must not know: servers, how an algorithm is tried.
 */
import { ciphers, compressions, kexMethods, macs, signatureAlgorithms } from '../../src/crypto/algorithms.ts';
import type { KexInit } from '../../src/message/transport.ts';

/** A server's first KEXINIT. */
export type Offer = KexInit;

export type AlgorithmKind = 'kex' | 'hostKey' | 'cipher' | 'mac' | 'compression';

/** Every name this client can negotiate, by default or when asked to. */
const ours: Readonly<Record<AlgorithmKind, readonly string[]>> = {
  kex: Object.keys(kexMethods),
  hostKey: Object.keys(signatureAlgorithms),
  cipher: Object.keys(ciphers),
  mac: Object.keys(macs),
  compression: Object.keys(compressions),
};

/** Names in the list of key exchange methods that are none. */
const marker = /^(ext-info-[cs]|kex-strict-[cs]-v00@openssh\.com|kexguess2@matt\.ucc\.asn\.au)$/;

/** Names both sides have and names the server alone has, by kind. A name counts if it is there in both directions. */
export function commonNames(offer: Offer): {
  readonly common: Readonly<Record<AlgorithmKind, readonly string[]>>;
  readonly foreign: Readonly<Record<AlgorithmKind, readonly string[]>>;
} {
  const both = (a: readonly string[], b: readonly string[]): readonly string[] =>
    a.filter((name) => b.includes(name));
  const theirs: Readonly<Record<AlgorithmKind, readonly string[]>> = {
    kex: offer.kexAlgorithms.filter((name) => !marker.test(name)),
    hostKey: offer.serverHostKeyAlgorithms,
    cipher: both(offer.encryptionAlgorithmsClientToServer, offer.encryptionAlgorithmsServerToClient),
    mac: both(offer.macAlgorithmsClientToServer, offer.macAlgorithmsServerToClient),
    compression: both(offer.compressionAlgorithmsClientToServer, offer.compressionAlgorithmsServerToClient),
  };
  const pick = (wanted: boolean): Record<AlgorithmKind, readonly string[]> => ({
    kex: theirs.kex.filter((name) => ours.kex.includes(name) === wanted),
    hostKey: theirs.hostKey.filter((name) => ours.hostKey.includes(name) === wanted),
    cipher: theirs.cipher.filter((name) => ours.cipher.includes(name) === wanted),
    mac: theirs.mac.filter((name) => ours.mac.includes(name) === wanted),
    compression: theirs.compression.filter((name) => ours.compression.includes(name) === wanted),
  });
  return { common: pick(true), foreign: pick(false) };
}
