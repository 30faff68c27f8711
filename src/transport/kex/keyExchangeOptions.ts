/**
 * What a key exchange is made from and talks to.
 *
 * Owns: these interfaces.
 * Must not know: how keys are exchanged.
 */
import type { Limits } from '../../base/limits.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import type { CryptoProvider, DirectionKeys } from '../../crypto/provider/provider.ts';
import type { MessageCodec } from '../../message/codec.ts';
import type { KeyExchangeCause, TransportEvent } from '../events.ts';
import type { Role } from '../identification.ts';
import type { AlgorithmPreferences } from './negotiation.ts';

/** A server's host keys by the signature algorithm they serve. */
export type HostKeys = ReadonlyMap<string, PrivateKey>;

export interface KeyExchangeOptions {
  readonly role: Role;
  readonly provider: CryptoProvider;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  /** Identification string of this side, without CR LF. */
  readonly identification: Uint8Array;
  /** Server role only. */
  readonly hostKeys: HostKeys;
}

/** What the exchange asks of the transport around it. */
export interface KeyExchangeSink {
  /** Sends at once, past whatever is held back. Returns the payload for the exchange hash. */
  sendNow<T>(message: MessageCodec<T>, value: T): Uint8Array;
  emit(event: TransportEvent): void;
  /** Our NEWKEYS has been sent: seal with these keys from now on. */
  sealWith(keys: DirectionKeys, resetSequence: boolean, compression: string): void;
  /** Their NEWKEYS came: open with these keys from now on. */
  openWith(keys: DirectionKeys, resetSequence: boolean, compression: string): void;
  /** Both directions have the new keys. */
  exchangeFinished(cause: KeyExchangeCause): void;
  /** Whether the peer's KEXINIT was its very first packet. */
  peerKexInitWasFirst(): boolean;
}
