/**
 * What the transport is made from and talks to.
 *
 * Owns: these interfaces.
 * Must not know: the protocol.
 */
import type { Limits } from '../base/limits.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import type { TransportEvent } from './events.ts';
import type { Role } from './identification.ts';
import type { HostKeys } from './kex/keyExchangeOptions.ts';
import type { AlgorithmPreferences } from './kex/negotiation.ts';
import type { RekeyPolicy } from './kex/rekeyPolicy.ts';

export interface TransportOptions {
  readonly role: Role;
  readonly provider: CryptoProvider;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  readonly rekey: RekeyPolicy;
  /** Identification string of this side, without CR LF. */
  readonly identification: Uint8Array;
  /** Server role only. */
  readonly hostKeys: HostKeys;
  /** Announced with EXT_INFO to a peer that asks for it. */
  readonly extensions: Readonly<Record<string, string>>;
  /** End the connection unless the peer offers strict key exchange. */
  readonly requireStrict: boolean;
}

/** Those above the transport. */
export interface TransportUpper {
  emit(event: TransportEvent): void;
  /** A message 50 or above, legal in the present state: its number is at `buffer[start]`. Valid until return. */
  receiveMessage(number: number, buffer: Uint8Array, start: number, end: number): void;
}
