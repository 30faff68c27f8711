/**
 * Connections, channels and waits as reports show them.
 *
 * Owns: the choice of what is shown.
 * Must not know: how reports look.
 */
import type { Wait, WaitTable } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import { messageName } from '../message/numbers.ts';
import type { ProtocolCore } from '../protocol/core.ts';
import type { Link } from './link.ts';
import type { ChannelSnapshot, ConnectionSnapshot, WaitSnapshot } from './registry.ts';

/** What a snapshot is taken of. */
export interface SnapshotSource
  extends Pick<ConnectionSnapshot, 'id' | 'role' | 'target' | 'addresses' | 'phase' | 'age' | 'openedAt'> {
  readonly now: number;
  readonly waits: WaitTable;
  /** Undefined until the link is up. */
  readonly core: ProtocolCore<{ readonly type: string }> | undefined;
  readonly link: Link | undefined;
}

export function connectionSnapshot(source: SnapshotSource): ConnectionSnapshot {
  const { id, role, target, addresses, phase, age, openedAt, now, waits, core, link } = source;
  const { transport, connection, bytesReceived = 0, bytesSent = 0 } = core ?? {};
  return {
    id,
    role,
    target,
    addresses,
    phase,
    age,
    waits: waits.list().map((wait) => waitSnapshot(wait, now)),
    bytesReceived,
    bytesSent,
    packetsReceived: transport?.packetsIn ?? 0,
    packetsSent: transport?.packetsOut ?? 0,
    unsentBytes: (transport?.pendingOutput ?? 0) + (link?.unsentBytes() ?? 0),
    lastMessage:
      transport === undefined || transport.packetsIn === 0 ? undefined : messageName(transport.lastMessage),
    remoteIdentification: transport?.remote?.text,
    channels: (connection?.list() ?? []).map(channelSnapshot),
    openedAt,
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
