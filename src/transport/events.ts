/**
 * What the transport has to say to those above it.
 *
 * Owns: the union of transport events.
 * Must not know: who listens.
 */
import type { PeerExtensions } from './extInfo.ts';
import type { Identification } from './identification.ts';
import type { NegotiatedAlgorithms } from './kex/negotiation.ts';

/** Why a key exchange began. */
export type KeyExchangeCause =
  | 'initial'
  | 'peer'
  | 'user'
  | 'bytes'
  | 'packets'
  | 'blocks'
  | 'time'
  /** `zlib` is offered after authentication only. */
  | 'compression';

export type TransportEvent =
  | { readonly type: 'identified'; readonly remote: Identification }
  | { readonly type: 'keyExchangeStarted'; readonly cause: KeyExchangeCause }
  /** Code has to be loaded before the exchange goes on; answered by `algorithmsLoaded`. */
  | { readonly type: 'algorithmsWanted'; readonly loaders: readonly (() => Promise<void>)[] }
  /** A host key whose signature is valid; answered by `acceptHostKey` or by failing the connection. */
  | { readonly type: 'hostKey'; readonly hostKey: Uint8Array; readonly algorithm: string }
  | {
      readonly type: 'keyExchanged';
      readonly cause: KeyExchangeCause;
      readonly negotiated: NegotiatedAlgorithms;
      readonly strict: boolean;
    }
  | { readonly type: 'extensions'; readonly extensions: PeerExtensions }
  | { readonly type: 'serviceAccepted'; readonly service: string }
  | { readonly type: 'serviceRequested'; readonly service: string }
  | { readonly type: 'debug'; readonly message: string; readonly alwaysDisplay: boolean }
  | { readonly type: 'unimplemented'; readonly sequenceNumber: number }
  | { readonly type: 'pong' };
