/**
 * Connections, channels and waits as reports show them.
 *
 * Owns: what is shown, at one moment.
 * Must not know: how reports look (diagnostics).
 */
import type { SshErrorPhase } from '../base/errors.ts';
import { checkOptions, flag, type OptionTable } from '../base/optionChecks.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import { messageName } from '../message/numbers.ts';
import type { AnyCore } from '../protocol/core.ts';
import type { Link, LinkAddresses } from './link.ts';

/** One connection as a report sees it, at this moment. */
export interface ConnectionSnapshot {
  /** Counts up through the life of the process. */
  readonly id: number;
  /** Which side this process is. */
  readonly role: 'client' | 'server';
  /** `host:port` as the caller named it, or what is known of the peer. */
  readonly target: string;
  /** Of both ends; undefined where there are none, or they are not known yet. */
  readonly addresses: LinkAddresses | undefined;
  /** How far it is. */
  readonly phase: SshErrorPhase;
  /** Milliseconds since the connection was begun. */
  readonly age: number;
  /** What it waits for at this moment. */
  readonly waits: readonly WaitSnapshot[];
  /** Bytes on the wire. */
  readonly bytesReceived: number;
  /** Bytes on the wire. */
  readonly bytesSent: number;
  /** Packets of the transport. */
  readonly packetsReceived: number;
  /** Packets of the transport. */
  readonly packetsSent: number;
  /** Bytes that wait to be taken by the transport below. */
  readonly unsentBytes: number;
  /** Name of the last message that came, such as `SSH_MSG_CHANNEL_DATA`. */
  readonly lastMessage: string | undefined;
  /** The peer's identification string, escaped; undefined until it came. */
  readonly remoteIdentification: string | undefined;
  /** Its open channels. */
  readonly channels: readonly ChannelSnapshot[];
  /** The forwards that stand on it. */
  readonly forwards: readonly ForwardSnapshot[];
  /** The sessions of SFTP on it. */
  readonly sftp: readonly SftpSnapshot[];
  /** Where the connection was opened in the caller's code, where that was asked for. */
  readonly openedAt: string | undefined;
}

/** What else a snapshot may tell. */
export interface SnapshotOptions {
  /** Adds the names of open files over SFTP. Default: `false`. */
  readonly fileNames?: boolean | undefined;
}

const snapshotTable: OptionTable<SnapshotOptions> = { fileNames: flag };

/**
 * Printers of objects (chai's, for one) call an `inspect` that they find with a depth. They get what they print.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkSnapshotOptions(options: SnapshotOptions): void {
  if (typeof options === 'number') return;
  checkOptions(options, { of: 'inspect', table: snapshotTable });
}

/** One session of SFTP, of a client or of a server. */
export interface SftpSnapshot {
  /** Our number of the channel that it runs on. */
  readonly channel: number;
  /** Files and folders that are open on the server. */
  readonly openHandles: number;
  /** Requests without an answer. */
  readonly requests: number;
  /** Requests that wait for their turn. */
  readonly queuedRequests: number;
  /** Bytes of files that READ has brought, over the life of the session. */
  readonly bytesRead: number;
  /** Bytes of files that WRITE has stored. */
  readonly bytesWritten: number;
  /** Files that were opened. */
  readonly filesOpened: number;
  /** Transfers that run; a server does not know of any. */
  readonly transfers: readonly TransferSnapshot[];
  /** Names of what is open, where they were asked for. */
  readonly fileNames: readonly string[] | undefined;
}

/** What moves many files at once. */
export type TransferKind = 'get' | 'put' | 'sync';

/** One transfer. */
export interface TransferSnapshot {
  /** What was called. */
  readonly kind: TransferKind;
  /** Milliseconds since it began. */
  readonly age: number;
  /** Files that were found so far. */
  readonly files: number;
  /** Files that have arrived. */
  readonly filesDone: number;
  /** Entries that failed. */
  readonly failed: number;
  /** Bytes of the files that were found. */
  readonly total: number;
  /** Bytes that have arrived. */
  readonly transferred: number;
}

/** One forward. */
export interface ForwardSnapshot {
  /** Such as `127.0.0.1:8080 to db:5432`. */
  readonly name: string;
  /** The connections that run through it. */
  readonly connections: readonly ForwardedConnectionSnapshot[];
  /** Connections that came so far. */
  readonly accepted: number;
  /** Those of them that were refused. */
  readonly refused: number;
  /** Those that could not be made, or were cut. */
  readonly failed: number;
  /** Bytes from who connected to where it goes, of all connections. */
  readonly bytesOut: number;
  /** Bytes the other way. */
  readonly bytesIn: number;
}

/** One connection of a forward. */
export interface ForwardedConnectionSnapshot {
  /** Counts up through the life of the forward. */
  readonly id: number;
  /** Who connected; empty for a unix socket. */
  readonly from: string;
  /** Where it goes. */
  readonly to: string;
  /** `opening` until both sides stand. */
  readonly state: 'opening' | 'open';
  /** Milliseconds since it was accepted. */
  readonly age: number;
  /** Bytes from who connected to where it goes. */
  readonly bytesOut: number;
  /** Bytes the other way. */
  readonly bytesIn: number;
}

/** Of a connection that has none. */
export const noForwards = (): readonly ForwardSnapshot[] => [];

/** One wait, in terms of the moment of the snapshot. */
export interface WaitSnapshot {
  /** Such as `identification`; docs/deadlines.md has all of them. */
  readonly name: Wait['name'];
  /** What exactly is waited for. */
  readonly waitingFor: string;
  /** Milliseconds since the wait began. */
  readonly elapsed: number;
  /** Milliseconds until it expires; `Infinity` where it cannot. */
  readonly remaining: number;
}

/** One channel. */
export interface ChannelSnapshot {
  /** Our number of the channel. */
  readonly id: number;
  /** Such as `session` or `direct-tcpip`. */
  readonly type: string;
  /** How far it is: `opening`, `open` and so on. */
  readonly state: string;
  /** Bytes that the peer lets us send. */
  readonly sendWindow: number;
  /** Bytes that we let the peer send. */
  readonly receiveWindow: number;
  /** Bytes of data. */
  readonly bytesReceived: number;
  /** Bytes of data. */
  readonly bytesSent: number;
  /** Bytes that came and were not taken. */
  readonly unread: number;
  /** Bytes that wait for the peer's window. */
  readonly unsent: number;
  /** Requests that the peer has not answered. */
  readonly pendingRequests: number;
}

/** What a snapshot is taken of. */
export interface SnapshotSource
  extends Pick<
    ConnectionSnapshot,
    'id' | 'role' | 'target' | 'addresses' | 'phase' | 'age' | 'openedAt' | 'forwards' | 'sftp'
  > {
  readonly now: number;
  readonly waits: WaitTable;
  /** Undefined until the link is up. */
  readonly core: AnyCore | undefined;
  readonly link: Link | undefined;
}

export function connectionSnapshot(source: SnapshotSource): ConnectionSnapshot {
  const { id, role, target, addresses, phase, age, openedAt, now, waits, core, link, forwards, sftp } =
    source;
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
    forwards,
    sftp,
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
