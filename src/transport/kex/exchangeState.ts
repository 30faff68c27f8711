/**
 * Where a key exchange stands.
 *
 * Owns: its states and what each of them holds and waits for.
 * Must not know: messages, packets, how one state follows from another (`keyExchange.ts`).
 */
import type { KexInitiator, KexMethod } from '../../crypto/kex/kex.ts';
import type { DirectionKeys } from '../../crypto/provider/provider.ts';
import type { KexDhGexRequest } from '../../message/kex.ts';
import type { KexInit } from '../../message/transport.ts';
import type { ChosenGroup, KeyExchangeCause } from '../events.ts';
import type { NegotiatedAlgorithms } from './negotiation.ts';

/** Two KEXINITs and what they agree on. */
export interface Agreement {
  readonly cause: KeyExchangeCause;
  readonly clientKexInit: Uint8Array;
  readonly serverKexInit: Uint8Array;
  readonly negotiated: NegotiatedAlgorithms;
  /** A packet sent on a wrong guess is on its way and to be dropped. */
  dropNext: boolean;
  /** Once a client has its group, where the server chooses one. */
  group?: ChosenGroup | undefined;
}

export interface SessionKeys {
  readonly outgoing: DirectionKeys;
  readonly incoming: DirectionKeys;
}

export type ExchangeState =
  | { readonly name: 'idle' }
  | {
      readonly name: 'kexInitSent';
      readonly cause: KeyExchangeCause;
      readonly own: KexInit;
      readonly payload: Uint8Array;
    }
  | { readonly name: 'loading'; readonly agreement: Agreement; held: Uint8Array | undefined }
  /** A server waits for the sizes of a group exchange, a client for the group. */
  | { readonly name: 'groupRequestWanted'; readonly agreement: Agreement }
  | { readonly name: 'groupWanted'; readonly agreement: Agreement; readonly request: KexDhGexRequest }
  | { readonly name: 'initWanted'; readonly agreement: Agreement; readonly method: KexMethod }
  | {
      readonly name: 'replyWanted';
      readonly agreement: Agreement;
      readonly method: KexMethod;
      readonly initiator: KexInitiator;
    }
  | NewKeysState;

export interface NewKeysState {
  readonly name: 'newKeys';
  readonly agreement: Agreement;
  readonly keys: SessionKeys;
  sent: boolean;
  received: boolean;
}

/** What is waited for, for reports. */
export function waitingFor(state: ExchangeState): string {
  switch (state.name) {
    case 'kexInitSent':
      return 'SSH_MSG_KEXINIT';
    case 'groupRequestWanted':
      return 'SSH_MSG_KEX_DH_GEX_REQUEST';
    case 'groupWanted':
      return 'SSH_MSG_KEX_DH_GEX_GROUP';
    case 'initWanted':
      return 'the key exchange init';
    case 'replyWanted':
      return 'the key exchange reply';
    case 'loading':
      return 'code to load';
    case 'newKeys':
      return state.received ? 'the host key verdict' : 'SSH_MSG_NEWKEYS';
    case 'idle':
      return 'nothing';
    default:
      return state satisfies never;
  }
}
