/**
 * The live connections of this process, for reports.
 *
 * Owns: the set of connections, and the observers of what happens to them.
 * Must not know: how reports look (diagnostics), what a connection is made of.
 */
import type { SshError, SshErrorPhase } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import type { ConnectionSnapshot, SftpSnapshot, SnapshotOptions, TransferKind } from './snapshots.ts';

/** A live connection. */
export interface RegisteredConnection {
  readonly id: number;
  readonly role: 'client' | 'server';
  snapshot(options?: SnapshotOptions): ConnectionSnapshot;
}

/** Told of what happens to connections; exceptions thrown by observers are dropped. */
export interface ConnectionObserver {
  /** A connection was begun: this side dials, or somebody came to a server. */
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
  /** A transfer over SFTP began, or it ended. */
  transferStarted?(connection: RegisteredConnection, kind: TransferKind): void;
  transferEnded?(connection: RegisteredConnection, transfer: EndedTransfer): void;
  /** A session of SFTP ended. */
  sftpEnded?(connection: RegisteredConnection, last: SftpSnapshot): void;
}

/** A transfer that is over. */
export interface EndedTransfer {
  /** The call that it was. */
  readonly kind: TransferKind;
  /** `failed`: the call has rejected. Some of the files may have arrived. */
  readonly outcome: 'completed' | 'failed';
  /** Milliseconds. */
  readonly elapsed: number;
  /** Files that have arrived. */
  readonly files: number;
  /** Bytes that have arrived. */
  readonly bytes: number;
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

/** Waits whose time was over, the earliest first, after that was acted on; `cause` where the connection ended by it. */
export function notifyExpired(
  connection: RegisteredConnection,
  waits: readonly Wait[],
  cause: SshError | undefined,
  now: number,
): void {
  for (const { name, detail, since, timeout } of waits) {
    // A write that made progress goes on.
    if (name === 'write' && cause === undefined) continue;
    const expired = { name, waitingFor: detail, elapsed: now - since, timeout };
    notifyObservers((observer) => observer.waitExpired?.(connection, expired));
    // What would have expired after the one that ended the connection did not come to it.
    // An error of the dial names what was waited for in it.
    if (cause !== undefined && (cause.waitingFor === name || name === 'dial')) return;
  }
}
