/**
 * Channels and waits as reports show them.
 *
 * Owns: the choice of what is shown.
 * Must not know: how reports look.
 */
import type { Wait } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import type { ChannelSnapshot, WaitSnapshot } from './registry.ts';

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

/** In terms of the present moment. */
export function waitSnapshot(wait: Wait, now: number): WaitSnapshot {
  return {
    name: wait.name,
    waitingFor: wait.detail,
    elapsed: now - wait.since,
    remaining: wait.deadline - now,
  };
}
