/**
 * What the transport tells the layers above it.
 *
 * Owns: the union of transport events.
 * Must not know: who listens.
 */
import type { KexDhGexRequest } from '../message/kex.ts';
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

/** A group that a server chose (RFC 4419). */
export interface ChosenGroup {
  /** The sizes that were asked for, in bits. */
  readonly request: KexDhGexRequest;
  /** Bits of its prime. */
  readonly bits: number;
  /** Bits that are set in the public value of this side: about half of them, where it is random. */
  readonly bitsSet: number;
}

/** What the transport says; `type` tells which. */
export type TransportEvent =
  | {
      /** The peer has named its version. */
      readonly type: 'identified';
      /** What it named. */
      readonly remote: Identification;
    }
  | {
      /** A key exchange began. */
      readonly type: 'keyExchangeStarted';
      /** Why it began. */
      readonly cause: KeyExchangeCause;
    }
  | {
      /** Code has to be loaded before the exchange goes on; answered by `algorithmsLoaded`. */
      readonly type: 'algorithmsWanted';
      /** What loads it. */
      readonly loaders: readonly (() => Promise<void>)[];
    }
  | {
      /** A host key whose signature is valid; answered by `acceptHostKey` or by failing the connection. */
      readonly type: 'hostKey';
      /** The public key blob or certificate. */
      readonly hostKey: Uint8Array;
      /** Algorithm of the signature. */
      readonly algorithm: string;
    }
  | {
      /** Both sides use new keys. */
      readonly type: 'keyExchanged';
      /** Why the exchange began. */
      readonly cause: KeyExchangeCause;
      /** What was agreed on. */
      readonly negotiated: NegotiatedAlgorithms;
      /** Whether the strict rules hold. */
      readonly strict: boolean;
      /** The group that the server chose, where it does; a client's event alone has it. */
      readonly group?: ChosenGroup | undefined;
    }
  | {
      /** EXT_INFO came (RFC 8308). */
      readonly type: 'extensions';
      /** What the peer says in it, all of it together so far. */
      readonly extensions: PeerExtensions;
    }
  | {
      /** The peer serves what was asked for. */
      readonly type: 'serviceAccepted';
      /** Such as `ssh-userauth`. */
      readonly service: string;
    }
  | {
      /** The peer asks for a service; answered by `acceptService` or by failing the connection. */
      readonly type: 'serviceRequested';
      /** Such as `ssh-userauth`. */
      readonly service: string;
    }
  | {
      /** SSH_MSG_DEBUG came. */
      readonly type: 'debug';
      /** The peer's text, not escaped. */
      readonly message: string;
      /** Whether people should see it in any case. */
      readonly alwaysDisplay: boolean;
    }
  | {
      /** The peer does not know a message of ours. */
      readonly type: 'unimplemented';
      /** Number of the packet. */
      readonly sequenceNumber: number;
    }
  | {
      /** A ping was answered. */
      readonly type: 'pong';
    };
