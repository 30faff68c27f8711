/**
 * The way from above down to a connection's core.
 *
 * Owns: that a call finds a core that lives, runs at the present time, and that
 * what it brought about is sent.
 * Must not know: what a call does.
 */
import type { SshError } from '../../base/errors.ts';
import type { AnyCore } from '../../protocol/core.ts';

/** What every part of an endpoint may do with its connection. */
export interface CoreDoor<Core extends AnyCore = AnyCore> {
  /** Calls are in order: the connection is up and has not ended. */
  readonly isLive: boolean;
  readonly now: number;
  /** Runs a call and returns its result; throws the cause once the connection has ended. */
  act<T>(call: (core: Core) => T): T;
  /** Runs a step that concerns nobody once the connection has ended. A fault of the step ends the connection. */
  quietly(step: (core: Core) => void): void;
  /** Says to which host an error happened. */
  addressed(error: SshError): SshError;
}
