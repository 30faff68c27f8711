/**
 * The live connections of this process, for reports.
 *
 * Owns: the set of them, and the observers that are told what happens.
 * Must not know: how reports look (diagnostics), what a connection is made of.
 */
import type { SshError, SshErrorPhase } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import type { LinkAddresses } from './link.ts';

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
  /** Where the connection was opened in the caller's code, where that was asked for. */
  readonly openedAt: string | undefined;
}

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

/** A live connection. */
export interface RegisteredConnection {
  readonly id: number;
  readonly role: 'client' | 'server';
  snapshot(): ConnectionSnapshot;
}

/** Told of what happens to connections; exceptions thrown by observers are dropped. */
export interface ConnectionObserver {
  /** A dial began. */
  opened?(connection: RegisteredConnection): void;
  /** It got from one phase to the next; `elapsed` is what the last one took in milliseconds. */
  phaseChanged?(
    connection: RegisteredConnection,
    from: SshErrorPhase,
    to: SshErrorPhase,
    elapsed: number,
  ): void;
  /** A wait expired: the call or the connection it belongs to ends by it, or the next keep-alive probe goes out. */
  waitExpired?(connection: RegisteredConnection, wait: ExpiredWait): void;
  /** It is over. */
  ended?(connection: RegisteredConnection, cause: SshError, last: ConnectionSnapshot): void;
  /** A client began to start a command, shell or subsystem, or it ended. */
  commandStarted?(connection: RegisteredConnection, kind: CommandKind): void;
  commandEnded?(
    connection: RegisteredConnection,
    kind: CommandKind,
    elapsed: number,
    outcome: CommandOutcome,
  ): void;
}

/** A wait whose time was over. */
export interface ExpiredWait {
  readonly name: Wait['name'];
  /** What exactly was waited for. */
  readonly waitingFor: string;
  /** Milliseconds. */
  readonly elapsed: number;
  /** Its bound in milliseconds. */
  readonly timeout: number;
}

/** What a client can have a server run (RFC 4254 §6.5). */
export type CommandKind = 'exec' | 'shell' | 'subsystem';

/**
 * How a command ended: `exit` with a status, `signal` by one, `closed` without a
 * word of the server, `error` where it did not start or was lost.
 */
export type CommandOutcome = 'exit' | 'signal' | 'closed' | 'error';

const live = new Map<number, RegisteredConnection>();
const observers = new Set<ConnectionObserver>();
let lastId = 0;

/** A number for a new connection. */
export function nextConnectionId(): number {
  lastId++;
  return lastId;
}

export function registerConnection(connection: RegisteredConnection): void {
  live.set(connection.id, connection);
}

export function unregisterConnection(connection: RegisteredConnection): void {
  live.delete(connection.id);
}

/** The live connections, oldest first. */
export function liveConnections(): readonly RegisteredConnection[] {
  return [...live.values()];
}

/** Tells an observer of everything from now on; the returned function stops that. */
export function observeConnections(observer: ConnectionObserver): () => void {
  observers.add(observer);
  return () => observers.delete(observer);
}

/** Tells all observers. */
export function notifyObservers(tell: (observer: ConnectionObserver) => void): void {
  for (const observer of observers) {
    try {
      tell(observer);
    } catch {
      // An observer's fault must not end the connection it looks at.
    }
  }
}
