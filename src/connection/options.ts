/**
 * What the connection protocol is made from.
 *
 * Owns: these interfaces.
 * Must not know: the protocol.
 */
import type { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import type { Role } from '../transport/identification.ts';
import type { Transport } from '../transport/transport.ts';
import type { ConnectionEvent } from './events.ts';

/** Whoever has the connection. */
export interface ConnectionUpper {
  queueEvent(event: ConnectionEvent): void;
  /** The error of a call whose wait expired. */
  timeoutError(wait: Wait): SshError;
}

/** What connections of one kind share. */
export interface ConnectionSettings {
  readonly role: Role;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly settings: ConnectionSettings;
  readonly waits: WaitTable;
  readonly upper: ConnectionUpper;
}
