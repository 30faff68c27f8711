/**
 * What the connection protocol is made from.
 *
 * Owns: that interface.
 * Must not know: the protocol.
 */
import type { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import type { Transport } from '../transport/transport.ts';
import type { ConnectionEvent } from './events.ts';

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly waits: WaitTable;
  readonly emit: (event: ConnectionEvent) => void;
  /** The error of a call whose wait expired. */
  readonly timeoutError: (wait: Wait) => SshError;
}
