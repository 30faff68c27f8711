/**
 * The events that tracing tools can subscribe to.
 *
 * Owns: their names, what each of them says, and when it is said.
 * Must not know: through what they are published.
 */
import type { SshErrorCode, SshErrorOrigin, SshErrorPhase } from '../base/errors.ts';
import type { WaitName } from '../base/waits.ts';
import type {
  CommandKind,
  CommandOutcome,
  ConnectionObserver,
  EndedTransfer,
  RegisteredConnection,
} from '../io/registry.ts';
import type { TransferKind } from '../io/snapshots.ts';

/** What all events say: which connection. Times of the others are milliseconds. */
export interface ConnectionEventMessage {
  /** As in reports; counts up through the life of the process. */
  readonly connection: number;
}

/** What is published under each name. */
export interface DiagnosticsEvents {
  /** A client begins to connect. */
  'deadline-ssh:dial': ConnectionEventMessage & {
    /** `host:port` as the caller named it. */
    readonly target: string;
  };
  /** A server has a new connection. */
  'deadline-ssh:accept': ConnectionEventMessage & {
    /** What is known of the client: `address:port`. */
    readonly target: string;
  };
  /** A connection goes from one phase to the next. */
  'deadline-ssh:phase': ConnectionEventMessage & {
    /** The phase that is over. */
    readonly from: SshErrorPhase;
    /** The phase that begins. */
    readonly to: SshErrorPhase;
    /** How long the phase `from` took. */
    readonly elapsed: number;
  };
  /** A deadline passed, or a keep-alive probe was not answered in time. */
  'deadline-ssh:wait-expired': ConnectionEventMessage & {
    /** Name of the wait. */
    readonly wait: WaitName;
    /** What exactly was waited for. */
    readonly waitingFor: string;
    /** How long the wait took. */
    readonly elapsed: number;
    /** How long it was allowed to take. */
    readonly timeout: number;
  };
  /** A client asks for a command, shell or subsystem. */
  'deadline-ssh:command-start': ConnectionEventMessage & {
    /** What it asks for. */
    readonly kind: CommandKind;
  };
  /** A command, shell or subsystem ended, or did not start. */
  'deadline-ssh:command-end': ConnectionEventMessage & {
    /** What was asked for. */
    readonly kind: CommandKind;
    /** From the request to the end. */
    readonly elapsed: number;
    /** How it ended. */
    readonly outcome: CommandOutcome;
  };
  /** A transfer of files begins. */
  'deadline-ssh:transfer-start': ConnectionEventMessage & {
    /** What was called. */
    readonly kind: TransferKind;
  };
  /** A transfer of files is over. */
  'deadline-ssh:transfer-end': ConnectionEventMessage & EndedTransfer;
  /** A connection is over and nothing of it is left. */
  'deadline-ssh:end': ConnectionEventMessage & {
    /** Why it ended. */
    readonly code: SshErrorCode;
    /** Who ended it. */
    readonly origin: SshErrorOrigin;
    /** The wait that ended it, where one did. */
    readonly wait: string | undefined;
    /** How long it lived. */
    readonly age: number;
    /** Bytes of its whole life, packets and identification together. */
    readonly bytesReceived: number;
    /** Bytes of its whole life, packets and identification together. */
    readonly bytesSent: number;
  };
}

/** The name of an event. */
export type DiagnosticsEventName = keyof DiagnosticsEvents;

/** When each event is published. */
export const diagnosticsEvents: Readonly<Record<DiagnosticsEventName, string>> = {
  'deadline-ssh:dial': 'a client begins to connect',
  'deadline-ssh:accept': 'a server has a new connection',
  'deadline-ssh:phase': 'a connection goes from one phase to the next',
  'deadline-ssh:wait-expired': 'a deadline passed, or a keep-alive probe was not answered in time',
  'deadline-ssh:command-start': 'a client asks for a command, shell or subsystem',
  'deadline-ssh:command-end': 'it ended, or did not start',
  'deadline-ssh:transfer-start': 'a transfer of files begins',
  'deadline-ssh:transfer-end': 'it is over',
  'deadline-ssh:end': 'a connection is over and nothing of it is left',
};

/** One channel of `node:diagnostics_channel`. */
export interface EventChannel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** An observer that publishes on channels. Nothing is made while nobody subscribes. */
export function eventPublisher(channelOf: (name: DiagnosticsEventName) => EventChannel): ConnectionObserver {
  const names = Object.keys(diagnosticsEvents) as DiagnosticsEventName[];
  const channels = new Map(names.map((name) => [name, channelOf(name)]));
  const publish = <Name extends DiagnosticsEventName>(
    name: Name,
    { id }: RegisteredConnection,
    message: () => Omit<DiagnosticsEvents[Name], 'connection'>,
  ): void => {
    const channel = channels.get(name);
    if (channel?.hasSubscribers === true) channel.publish({ connection: id, ...message() });
  };
  return {
    opened(connection) {
      const name = connection.role === 'client' ? 'deadline-ssh:dial' : 'deadline-ssh:accept';
      publish(name, connection, () => ({ target: connection.snapshot().target }));
    },
    phaseChanged(connection, from, to, elapsed) {
      publish('deadline-ssh:phase', connection, () => ({ from, to, elapsed }));
    },
    waitExpired(connection, { name, waitingFor, elapsed, timeout }) {
      publish('deadline-ssh:wait-expired', connection, () => ({ wait: name, waitingFor, elapsed, timeout }));
    },
    commandStarted(connection, kind) {
      publish('deadline-ssh:command-start', connection, () => ({ kind }));
    },
    commandEnded(connection, kind, elapsed, outcome) {
      publish('deadline-ssh:command-end', connection, () => ({ kind, elapsed, outcome }));
    },
    transferStarted(connection, kind) {
      publish('deadline-ssh:transfer-start', connection, () => ({ kind }));
    },
    transferEnded(connection, { kind, outcome, elapsed, files, bytes }) {
      publish('deadline-ssh:transfer-end', connection, () => ({ kind, outcome, elapsed, files, bytes }));
    },
    ended(connection, { code, origin, waitingFor }, { age, bytesReceived, bytesSent }) {
      publish('deadline-ssh:end', connection, () => ({
        code,
        origin,
        wait: waitingFor,
        age,
        bytesReceived,
        bytesSent,
      }));
    },
  };
}
