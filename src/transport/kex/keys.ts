/**
 * From a shared secret to the keys of both directions.
 *
 * Owns: the exchange hash (RFC 4253 §8, RFC 5656 §4) and key derivation (RFC 4253 §7.2).
 * Must not know: messages in flight, states.
 */
import { concatBytes, wipe } from '../../base/bytes.ts';
import { type CipherName, ciphers, type MacName, macs } from '../../crypto/algorithms.ts';
import type { CryptoProvider, DirectionKeys, HashName } from '../../crypto/provider/provider.ts';
import { WireWriter } from '../../wire/writer.ts';
import type { NegotiatedAlgorithms, NegotiatedDirection } from './negotiation.ts';

/** All that the exchange hash covers, in its order. */
export interface ExchangeHashInput {
  /** V_C and V_S, without CR LF. */
  readonly clientIdentification: Uint8Array;
  readonly serverIdentification: Uint8Array;
  /** I_C and I_S: the whole payloads. */
  readonly clientKexInit: Uint8Array;
  readonly serverKexInit: Uint8Array;
  /** K_S. */
  readonly hostKey: Uint8Array;
  /** What the method puts between K_S and the secret, each with its encoding: e and f, Q_C and Q_S, … */
  readonly methodValues: Uint8Array;
  /** K, encoded. */
  readonly encodedSecret: Uint8Array;
}

/** H. */
export function exchangeHash(provider: CryptoProvider, hash: HashName, input: ExchangeHashInput): Uint8Array {
  const writer = new WireWriter(new Uint8Array(4096))
    .string(input.clientIdentification)
    .string(input.serverIdentification)
    .string(input.clientKexInit)
    .string(input.serverKexInit)
    .string(input.hostKey)
    .bytes(input.methodValues);
  const digest = provider.createHash(hash);
  digest.update(writer.viewWritten());
  digest.update(input.encodedSecret);
  return digest.digest();
}

/** What keys are derived from. */
export interface KeySource {
  readonly provider: CryptoProvider;
  readonly hash: HashName;
  readonly encodedSecret: Uint8Array;
  readonly exchangeHash: Uint8Array;
  /** The first exchange hash of the connection, for ever (RFC 4253 §7.2). */
  readonly sessionId: Uint8Array;
}

/** Keys for both directions. */
export function deriveKeys(
  source: KeySource,
  negotiated: NegotiatedAlgorithms,
): { readonly clientToServer: DirectionKeys; readonly serverToClient: DirectionKeys } {
  return {
    clientToServer: directionKeys(source, negotiated.clientToServer, 'A', 'C', 'E'),
    serverToClient: directionKeys(source, negotiated.serverToClient, 'B', 'D', 'F'),
  };
}

function directionKeys(
  source: KeySource,
  direction: NegotiatedDirection,
  ivLetter: string,
  keyLetter: string,
  macLetter: string,
): DirectionKeys {
  const cipher = direction.cipher as CipherName;
  const mac = direction.mac as MacName | undefined;
  const row = ciphers[cipher];
  return {
    cipher,
    mac,
    iv: deriveKey(source, ivLetter, row.ivLength),
    encryptionKey: deriveKey(source, keyLetter, row.keyLength),
    integrityKey: deriveKey(source, macLetter, mac === undefined ? 0 : macs[mac].keyLength),
  };
}

/** HASH(K ‖ H ‖ X ‖ session_id), extended by HASH(K ‖ H ‖ K1 ‖ …) to `length` bytes. */
export function deriveKey(source: KeySource, letter: string, length: number): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  const { provider, hash, encodedSecret, exchangeHash, sessionId } = source;
  const hashOf = (...parts: readonly Uint8Array[]): Uint8Array => {
    const digest = provider.createHash(hash);
    for (const part of parts) digest.update(part);
    return digest.digest();
  };
  let key = hashOf(encodedSecret, exchangeHash, Uint8Array.of(letter.charCodeAt(0)), sessionId);
  while (key.length < length) {
    const more = hashOf(encodedSecret, exchangeHash, key);
    const longer = concatBytes(key, more);
    wipe(more);
    wipe(key);
    key = longer;
  }
  const exact = key.slice(0, length);
  wipe(key);
  return exact;
}
