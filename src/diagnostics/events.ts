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
  RegisteredConnection,
} from '../io/registry.ts';

/** What all events say: which connection. Times of the others are milliseconds. */
export interface ConnectionEventMessage {
  /** As in reports; counts up through the life of the process. */
  readonly connection: number;
}

/** What is published under each name. */
export interface DiagnosticsEvents {
  'deadline-ssh:dial': ConnectionEventMessage & { readonly target: string };
  'deadline-ssh:accept': ConnectionEventMessage & { readonly target: string };
  'deadline-ssh:phase': ConnectionEventMessage & {
    readonly from: SshErrorPhase;
    readonly to: SshErrorPhase;
    /** How long the phase `from` took. */
    readonly elapsed: number;
  };
  'deadline-ssh:wait-expired': ConnectionEventMessage & {
    readonly wait: WaitName;
    readonly waitingFor: string;
    readonly elapsed: number;
    readonly timeout: number;
  };
  'deadline-ssh:command-start': ConnectionEventMessage & { readonly kind: CommandKind };
  'deadline-ssh:command-end': ConnectionEventMessage & {
    readonly kind: CommandKind;
    readonly elapsed: number;
    readonly outcome: CommandOutcome;
  };
  'deadline-ssh:end': ConnectionEventMessage & {
    readonly code: SshErrorCode;
    readonly origin: SshErrorOrigin;
    /** The wait that ended it, where one did. */
    readonly wait: string | undefined;
    readonly age: number;
    readonly bytesReceived: number;
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
