/**
 * What a driver is made from and talks to.
 *
 * Owns: these interfaces.
 * Must not know: how a connection is driven.
 */
import type { Address } from '../base/addressed.ts';
import type { SshError } from '../base/errors.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { WaitTable } from '../base/waits.ts';
import type { CoreEvent, ProtocolCore } from '../protocol/core.ts';
import type { Clock } from './clock.ts';
import type { LinkOpener } from './link.ts';

export interface DriverOptions<Core> {
  readonly clock: Clock;
  readonly waits: WaitTable;
  readonly timeouts: Timeouts;
  readonly open: LinkOpener;
  /** Made when the link is up. */
  readonly createCore: (now: number) => Core;
  readonly role: 'client' | 'server';
  /** For reports. Errors say whom a client dials; a text is what is known of another peer. */
  readonly target: Address | string;
  readonly openedAt: string | undefined;
}

/** What the driver hands events to. */
export interface EventTarget<Event> {
  handle(event: Event): void;
  /** After all events of a turn: buffered deliveries go out. */
  ended(cause: SshError): void;
}

export type EventOf<Core> = Core extends ProtocolCore<infer Event> ? Event | CoreEvent : never;
