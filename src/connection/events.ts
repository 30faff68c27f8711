/**
 * What the connection protocol tells its user.
 *
 * Owns: the union of connection events.
 * Must not know: who listens.
 */
import type { SshError } from '../base/errors.ts';
import type { Channel, ChannelEvent } from './channel.ts';
import type { GlobalRequestAnswer, LateGlobalRequestAnswer } from './globalRequests.ts';

/** What the connection protocol says; `type` tells which. */
export type ConnectionEvent =
  | ChannelEvent
  | {
      /** A channel of ours is open. */
      readonly type: 'channelOpened';
      /** The channel. */
      readonly channel: Channel;
    }
  | {
      /** Refused, or not answered in time: `error.code` tells. */
      readonly type: 'channelOpenFailed';
      /** The channel, which is gone. */
      readonly channel: Channel;
      /** Why. */
      readonly error: SshError;
    }
  | {
      /** The peer wants a channel: answered by `acceptOpen` or `refuseOpen`. */
      readonly type: 'channelOpenRequested';
      /** The channel that is to be. */
      readonly channel: Channel;
      /** What the type adds. */
      readonly channelTypeData: Uint8Array;
    }
  | {
      /** Nothing more comes or goes on a channel. */
      readonly type: 'channelClosed';
      /** The channel. */
      readonly channel: Channel;
    }
  | {
      /** A request of the peer; where `wantReply`, answered by `channel.reply`, in order. */
      readonly type: 'channelRequest';
      /** The channel. */
      readonly channel: Channel;
      /** Such as `exec`. */
      readonly requestType: string;
      /** Whether the peer waits for an answer. */
      readonly wantReply: boolean;
      /** What the type adds. */
      readonly payload: Uint8Array;
    }
  | {
      /** A request of the peer beside all channels; where `wantReply`, answered in order. */
      readonly type: 'globalRequest';
      /** Such as `tcpip-forward`. */
      readonly name: string;
      /** Whether the peer waits for an answer. */
      readonly wantReply: boolean;
      /** What the name adds. */
      readonly payload: Uint8Array;
    }
  | GlobalRequestAnswer
  | LateGlobalRequestAnswer;
