/**
 * What every connection of this process is doing and waiting for.
 *
 * Owns: the shape of a report, the grouping by phase and by what is waited for.
 * Must not know: how a report is shown.
 */
import { escapeText } from '../base/bytes.ts';
import type { SshErrorPhase } from '../base/errors.ts';
import { checkOptions, flag, type OptionTable } from '../base/optionChecks.ts';
import type { WaitName } from '../base/waits.ts';
import type { LinkAddresses } from '../io/link.ts';
import { liveConnections } from '../io/registry.ts';
import type {
  ChannelSnapshot,
  ConnectionSnapshot,
  ForwardSnapshot,
  SftpSnapshot,
  SnapshotOptions,
} from '../io/snapshots.ts';

/** The live connections of the process. Times are milliseconds; all of it survives JSON as it is. */
export interface Report {
  /** When it was taken: ISO 8601, UTC. */
  readonly takenAt: string;
  /** How many connections live. */
  readonly connections: number;
  /** By role, phase and what is waited for, the largest first. */
  readonly groups: readonly ReportGroup[];
  /** Each connection, the oldest first; null where only the groups were asked for. */
  readonly details: readonly ConnectionDetail[] | null;
}

/** Connections in the same phase that wait for the same. */
export interface ReportGroup {
  /** Which side this process is. */
  readonly role: 'client' | 'server';
  /** How far the connections are. */
  readonly phase: SshErrorPhase;
  /** Names of the waits, sorted; empty where nothing is waited for. `dial` is left out where it is not all there is. */
  readonly waitsFor: readonly WaitName[];
  /** How many they are. */
  readonly connections: number;
  /** Age of the oldest connection. */
  readonly oldestAge: number;
  /** The longest of the waits that lasts; null where there is none. */
  readonly longestWait: number | null;
  /** Until the first deadline of all; null where there is none. */
  readonly nextDeadline: number | null;
  /** Numbers of the oldest connections, at most `listedIds`. */
  readonly oldest: readonly number[];
}

/** One connection. */
export interface ConnectionDetail {
  /** Counts up through the life of the process. */
  readonly id: number;
  /** Which side this process is. */
  readonly role: 'client' | 'server';
  /** `host:port` as the caller named it, or what is known of the peer; escaped. */
  readonly target: string;
  /** `address:port`; null where there is none or it is not known yet. */
  readonly localAddress: string | null;
  /** As `localAddress`, of the peer. */
  readonly remoteAddress: string | null;
  /** How far it is. */
  readonly phase: SshErrorPhase;
  /** Milliseconds since it was begun. */
  readonly age: number;
  /** What it waits for at this moment. */
  readonly waits: readonly WaitDetail[];
  /** Bytes on the wire. */
  readonly bytesReceived: number;
  /** Bytes on the wire. */
  readonly bytesSent: number;
  /** Packets of the transport. */
  readonly packetsReceived: number;
  /** Packets of the transport. */
  readonly packetsSent: number;
  /** Bytes the transport below has not taken. */
  readonly unsentBytes: number;
  /** Name of the last message that came. */
  readonly lastMessage: string | null;
  /** The peer's identification string, escaped. */
  readonly remoteIdentification: string | null;
  /** Its open channels. */
  readonly channels: readonly ChannelSnapshot[];
  /** The forwards that stand on it. */
  readonly forwards: readonly ForwardSnapshot[];
  /** The sessions of SFTP on it. */
  readonly sftp: readonly SftpDetail[];
  /** Frames of the stack that opened it, where `captureStack` was set. */
  readonly openedAt: readonly string[] | null;
}

/** One session of SFTP. */
export interface SftpDetail extends Omit<SftpSnapshot, 'fileNames'> {
  /** Names of what is open, escaped; null where they were not asked for. */
  readonly fileNames: readonly string[] | null;
}

/** One wait. */
export interface WaitDetail {
  /** Such as `identification`; docs/deadlines.md has all of them. */
  readonly name: WaitName;
  /** What exactly is waited for. */
  readonly waitingFor: string;
  /** Milliseconds since the wait began. */
  readonly elapsed: number;
  /** How long it may last in all; null where it has no bound of its own. */
  readonly timeout: number | null;
  /** Milliseconds until it expires; null where it has no bound of its own. */
  readonly remaining: number | null;
}

/** What goes into a report. */
export interface ReportOptions {
  /** Each connection by itself as well. */
  readonly details?: boolean | undefined;
  /** Details of the oldest so many only; the groups always count all. */
  readonly limit?: number | undefined;
  /** Adds the names of open files over SFTP to the details. Default: `false`. */
  readonly fileNames?: boolean | undefined;
}

const reportTable: OptionTable<ReportOptions> = {
  details: flag,
  fileNames: flag,
  limit: { takes: 'a number', accepts: (value) => typeof value === 'number' && !Number.isNaN(value) },
};

/** How many numbers a group lists. */
export const listedIds = 10;

/**
 * Looks at every live connection of the process, of clients and of servers.
 *
 * @example
 * ```ts
 * import { takeReport } from 'deadline-ssh/diagnostics';
 * const stuck = takeReport().groups.filter(({ longestWait }) => (longestWait ?? 0) > 5_000);
 * ```
 */
export function takeReport(options: ReportOptions = {}): Report {
  checkOptions(options, { of: 'takeReport', table: reportTable });
  const { details = false, limit = Number.POSITIVE_INFINITY, fileNames } = options;
  const snapshots = liveConnections().map((connection) => connection.snapshot({ fileNames }));
  return {
    takenAt: new Date().toISOString(),
    connections: snapshots.length,
    groups: grouped(snapshots),
    details: details ? snapshots.slice(0, Math.max(0, limit)).map(connectionDetail) : null,
  };
}

/** One live connection by its number; undefined where it is over. */
export function connectionById(id: number, options: SnapshotOptions = {}): ConnectionDetail | undefined {
  checkOptions(options, { of: 'connectionById', table: { fileNames: flag } });
  const connection = liveConnections().find((each) => each.id === id);
  return connection === undefined ? undefined : connectionDetail(connection.snapshot(options));
}

/** The names of the waits of a connection that tell what it is waiting for. */
export function waitsFor(waits: readonly { readonly name: WaitName }[]): readonly WaitName[] {
  const names = [...new Set(waits.map(({ name }) => name))].sort();
  const parts = names.filter((name) => name !== 'dial');
  return parts.length > 0 ? parts : names;
}

function grouped(snapshots: readonly ConnectionSnapshot[]): ReportGroup[] {
  const groups = new Map<string, ConnectionSnapshot[]>();
  for (const snapshot of snapshots) {
    const key = [snapshot.role, snapshot.phase, ...waitsFor(snapshot.waits)].join(' ');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [snapshot]);
    else group.push(snapshot);
  }
  return [...groups.values()].map(groupOf).sort((a, b) => b.connections - a.connections);
}

function groupOf(members: readonly ConnectionSnapshot[]): ReportGroup {
  const [first] = members as readonly [ConnectionSnapshot, ...ConnectionSnapshot[]];
  const names = waitsFor(first.waits);
  let oldestAge = 0;
  let longestWait = -1;
  let nextDeadline = Number.POSITIVE_INFINITY;
  for (const { age, waits } of members) {
    oldestAge = Math.max(oldestAge, age);
    for (const { name, elapsed, remaining } of waits) {
      if (names.includes(name)) longestWait = Math.max(longestWait, elapsed);
      nextDeadline = Math.min(nextDeadline, remaining);
    }
  }
  return {
    role: first.role,
    phase: first.phase,
    waitsFor: names,
    connections: members.length,
    oldestAge: tenths(oldestAge),
    longestWait: longestWait < 0 ? null : tenths(longestWait),
    nextDeadline: finite(nextDeadline),
    oldest: members.slice(0, listedIds).map(({ id }) => id),
  };
}

function connectionDetail(snapshot: ConnectionSnapshot): ConnectionDetail {
  const { addresses, openedAt } = snapshot;
  return {
    id: snapshot.id,
    role: snapshot.role,
    target: escapeText(snapshot.target),
    localAddress: address(addresses?.localAddress, addresses?.localPort),
    remoteAddress: address(addresses?.remoteAddress, addresses?.remotePort),
    phase: snapshot.phase,
    age: tenths(snapshot.age),
    waits: snapshot.waits.map(({ name, waitingFor, elapsed, remaining }) => ({
      name,
      waitingFor: escapeText(waitingFor),
      elapsed: tenths(elapsed),
      timeout: finite(elapsed + remaining),
      remaining: finite(remaining),
    })),
    bytesReceived: snapshot.bytesReceived,
    bytesSent: snapshot.bytesSent,
    packetsReceived: snapshot.packetsReceived,
    packetsSent: snapshot.packetsSent,
    unsentBytes: snapshot.unsentBytes,
    lastMessage: snapshot.lastMessage ?? null,
    remoteIdentification: snapshot.remoteIdentification ?? null,
    channels: snapshot.channels.map((channel) => ({ ...channel, type: escapeText(channel.type) })),
    forwards: snapshot.forwards.map(forwardDetail),
    sftp: snapshot.sftp.map(sftpDetail),
    openedAt: openedAt === undefined ? null : frames(openedAt),
  };
}

/** Names of places come from programs and from peers. */
function forwardDetail(forward: ForwardSnapshot): ForwardSnapshot {
  return {
    ...forward,
    name: escapeText(forward.name),
    connections: forward.connections.map((connection) => ({
      ...connection,
      from: escapeText(connection.from),
      to: escapeText(connection.to),
      age: tenths(connection.age),
    })),
  };
}

/** Names of files come from peers as well. */
function sftpDetail({ fileNames, transfers, ...rest }: SftpSnapshot): SftpDetail {
  return {
    ...rest,
    transfers: transfers.map((transfer) => ({ ...transfer, age: tenths(transfer.age) })),
    fileNames: fileNames?.map((name) => escapeText(name)) ?? null,
  };
}

function frames(stack: string): readonly string[] {
  return stack.split('\n').map((line) => escapeText(line.trim().replace(/^at /, '')));
}

function address(host: LinkAddresses['localAddress'], port: number | undefined): string | null {
  if (host === undefined) return null;
  return escapeText(`${host.includes(':') ? `[${host}]` : host}:${port ?? ''}`);
}

/** JSON has no infinity. */
function finite(milliseconds: number): number | null {
  return Number.isFinite(milliseconds) ? tenths(milliseconds) : null;
}

/** A tenth of a millisecond is as much as means something. */
function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
