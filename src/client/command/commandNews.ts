/**
 * What observers are told of a command.
 *
 * Owns: when it began, how it ended.
 * Must not know: the command.
 */
import type { SshError } from '../../base/errors.ts';
import { type CommandKind, notifyObservers, type RegisteredConnection } from '../../io/registry.ts';
import type { ExitResult } from './remoteProcess.ts';

/** A connection with a clock. */
interface TimedConnection extends RegisteredConnection {
  readonly now: number;
}

/** One command, from before its channel is opened. */
export class CommandNews {
  private readonly connection: TimedConnection | undefined;
  private readonly kind: CommandKind;
  private readonly since: number;

  constructor(connection: TimedConnection | undefined, kind: CommandKind) {
    this.connection = connection;
    this.kind = kind;
    this.since = connection?.now ?? 0;
    if (connection !== undefined) notifyObservers((observer) => observer.commandStarted?.(connection, kind));
  }

  /** It did not start, or ended with the connection or for a reason of this side. */
  failed(): void {
    this.over('error');
  }

  /** Its channel is closed. */
  ended(cause: SshError | undefined, { code, signal }: ExitResult): void {
    if (cause !== undefined) this.over('error');
    else if (code !== undefined) this.over('exit');
    else this.over(signal === undefined ? 'closed' : 'signal');
  }

  private over(outcome: 'exit' | 'signal' | 'closed' | 'error'): void {
    const { connection, kind, since } = this;
    if (connection === undefined) return;
    const elapsed = connection.now - since;
    notifyObservers((observer) => observer.commandEnded?.(connection, kind, elapsed, outcome));
  }
}
