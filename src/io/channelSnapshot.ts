/**
 * One channel as reports show it.
 *
 * Owns: the choice of what is shown.
 * Must not know: how reports look.
 */
import type { Channel } from '../connection/channel.ts';
import type { ChannelSnapshot } from './registry.ts';

export function channelSnapshot(channel: Channel): ChannelSnapshot {
  return {
    id: channel.localId,
    type: channel.type,
    state: channel.closeSent && channel.state === 'open' ? 'closing' : channel.state,
    sendWindow: channel.sendWindow,
    receiveWindow: channel.receiveWindow,
    bytesReceived: channel.bytesIn,
    bytesSent: channel.bytesOut,
    unread: channel.data.length + channel.extended.length,
    unsent: channel.pendingBytes,
    pendingRequests: channel.pendingRequests,
  };
}
