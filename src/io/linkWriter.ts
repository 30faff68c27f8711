/**
 * The way out of a connection, from its core to its link.
 *
 * Owns: the link, whether it takes more, and the `write` wait.
 * Must not know: what the bytes mean, why a connection ends.
 */
import type { SshError } from '../base/errors.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import type { AnyCore } from '../protocol/core.ts';
import type { Clock } from './clock.ts';
import type { Link } from './link.ts';

export class LinkWriter {
  /** Undefined before it was opened and once it was let go. */
  link: Link | undefined;
  /** `full` until the link has written what it has; `closed` once nothing is left of it. */
  private state: 'ready' | 'full' | 'closed' = 'ready';
  private wait: Wait | undefined;
  private readonly clock: Clock;
  private readonly waits: WaitTable;
  private readonly timeouts: Timeouts;

  constructor(clock: Clock, waits: WaitTable, timeouts: Timeouts) {
    this.clock = clock;
    this.waits = waits;
    this.timeouts = timeouts;
  }

  /** Nothing is left of the link, or there never was one. */
  get isGone(): boolean {
    return this.state === 'closed' || this.link === undefined;
  }

  /** Hands on what the core has sealed, as long as the link takes it. */
  flush(core: AnyCore): void {
    const { link } = this;
    if (link === undefined) return;
    while (this.state === 'ready') {
      const output = core.takeOutput();
      if (output === undefined) break;
      if (!link.write(output)) this.state = 'full';
    }
  }

  /** Hands on all the core has sealed, though the link may ask to wait: these are its last words. */
  flushAll(core: AnyCore): void {
    const { link } = this;
    if (link === undefined || this.state === 'closed') return;
    for (let output = core.takeOutput(); output !== undefined; output = core.takeOutput()) link.write(output);
  }

  /** The wait for the peer to take what was written begins or ends. */
  watch(core: AnyCore): void {
    const { link } = this;
    if (link === undefined || this.state === 'closed') return;
    if (link.unsentBytes() === 0) this.endWait();
    else if (this.wait === undefined) this.startWait(core);
  }

  /** The link has written what it had. */
  written(): void {
    this.endWait();
    if (this.state === 'full') this.state = 'ready';
  }

  /** Nothing is left of the link. */
  closed(): void {
    this.state = 'closed';
  }

  /** Bytes that users wrote, and of messages, that the platform has not taken. */
  unsent(core: AnyCore | undefined): number {
    const below = this.link?.unsentBytes() ?? 0;
    if (core === undefined) return below;
    const { connection, transport } = core;
    return connection.pendingBytes + transport.output.heldBytes + transport.pendingOutput + below;
  }

  /** Begun anew at each finished write, so a backlog that shrinks until expiry is of one write and means progress. */
  private startWait(core: AnyCore): void {
    const { waits, clock, timeouts } = this;
    const backlog = this.link?.writeBacklog() ?? 0;
    const wait = waits.start(
      'write',
      'the peer to take what was written',
      clock.now(),
      timeouts.write,
      () => {
        if ((this.link?.writeBacklog() ?? 0) >= backlog) {
          core.fail(core.timeoutError(wait));
          return;
        }
        waits.finish(wait);
        this.startWait(core);
      },
    );
    this.wait = wait;
  }

  private endWait(): void {
    this.waits.finish(this.wait);
    this.wait = undefined;
  }
}

/** The error where data that was written is lost, because the `close` deadline passed before the peer took it. */
export function unsentError(core: AnyCore, wait: Wait, unsent: number): SshError {
  const detail = `the peer to take what was written; ${unsent} bytes were not sent`;
  const error = core.timeoutError({ ...wait, detail });
  error.phase = 'close';
  return error;
}
