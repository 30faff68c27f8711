/**
 * Connections, channels and waits as reports show them.
 *
 * Owns: the choice of what is shown.
 * Must not know: how reports look.
 */
import type { Wait } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import { messageName } from '../message/numbers.ts';
import type { ProtocolCore } from '../protocol/core.ts';
import type { ChannelSnapshot, ConnectionSnapshot, WaitSnapshot } from './registry.ts';

/** What the protocol tells of a connection; nothing has happened while there is no link. */
export function coreSnapshot(
  core: ProtocolCore<{ readonly type: string }> | undefined,
  unsentByLink: number,
): Pick<
  ConnectionSnapshot,
  | 'bytesReceived'
  | 'bytesSent'
  | 'packetsReceived'
  | 'packetsSent'
  | 'unsentBytes'
  | 'lastMessage'
  | 'remoteIdentification'
  | 'channels'
> {
  const transport = core?.transport;
  const packetsReceived = transport?.packetsIn ?? 0;
  return {
    bytesReceived: core?.bytesReceived ?? 0,
    bytesSent: core?.bytesSent ?? 0,
    packetsReceived,
    packetsSent: transport?.packetsOut ?? 0,
    unsentBytes: (transport?.pendingOutput ?? 0) + unsentByLink,
    lastMessage:
      transport === undefined || packetsReceived === 0 ? undefined : messageName(transport.lastMessage),
    remoteIdentification: transport?.remote?.text,
    channels: (core?.connection.list() ?? []).map(channelSnapshot),
  };
}

function channelSnapshot(channel: Channel): ChannelSnapshot {
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
