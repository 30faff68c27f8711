/**
 * What the connection protocol has to say to its user.
 *
 * Owns: the union of connection events.
 * Must not know: who listens.
 */
import type { SshError } from '../base/errors.ts';
import type { Channel, ChannelEvent } from './channel.ts';
import type { GlobalRequestAnswer } from './globalRequests.ts';

export type ConnectionEvent =
  | ChannelEvent
  | { readonly type: 'channelOpened'; readonly channel: Channel }
  /** Refused, or not answered in time: `error.code` tells. */
  | { readonly type: 'channelOpenFailed'; readonly channel: Channel; readonly error: SshError }
  /** The peer wants a channel: answered by `acceptOpen` or `refuseOpen`. `channelTypeData` is what the type adds. */
  | { readonly type: 'channelOpenRequested'; readonly channel: Channel; readonly channelTypeData: Uint8Array }
  | { readonly type: 'channelClosed'; readonly channel: Channel }
  /** A request of the peer; where `wantReply`, answered by `channel.reply`, in order. */
  | {
      readonly type: 'channelRequest';
      readonly channel: Channel;
      readonly requestType: string;
      readonly wantReply: boolean;
      readonly payload: Uint8Array;
    }
  | {
      readonly type: 'globalRequest';
      readonly name: string;
      readonly wantReply: boolean;
      readonly payload: Uint8Array;
    }
  | GlobalRequestAnswer;
