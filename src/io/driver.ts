/**
 * Drives one protocol object over one link.
 *
 * Owns: the loop read, step, deliver, write, wait; the waits of reading and
 * writing; the end of the link.
 * Must not know: what the events mean, what kind of link it is.
 */
import { type Address, addressed, spelled } from '../base/addressed.ts';
import { SshError, type SshErrorPhase } from '../base/errors.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import type { ProtocolCore } from '../protocol/core.ts';
import type { Clock } from './clock.ts';
import { connectError, connectTimeout } from './connecting/connectErrors.ts';
import { DeadlineReader, type FillListener, type FillOutcome } from './deadlineReader.ts';
import type { DriverOptions, EventOf, EventTarget } from './driverOptions.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from './link.ts';
import { tellExpired, tellPhase } from './news.ts';
import {
  type ConnectionSnapshot,
  nextConnectionId,
  notifyObservers,
  type RegisteredConnection,
  registerConnection,
  unregisterConnection,
} from './registry.ts';
import { connectionSnapshot } from './snapshots.ts';
import { unsentBytes, unsentError } from './unsent.ts';

export class Driver<Core extends ProtocolCore<{ readonly type: string }>>
  implements RegisteredConnection, LinkReceiver, FillListener
{
  readonly id: number = nextConnectionId();
  readonly role: 'client' | 'server';
  /** Undefined until the link is up. */
  core: Core | undefined;
  /** Why the connection ended; undefined while it lives. */
  cause: SshError | undefined;
  private readonly clock: Clock;
  private readonly waits: WaitTable;
  private readonly timeouts: Timeouts;
  private readonly destination: Address | string;
  private readonly openedAt: string | undefined;
  /** Let go once they are used: they may hold all of a dial. */
  private open: LinkOpener | undefined;
  private createCore: ((now: number) => Core) | undefined;
  private readonly target: EventTarget<EventOf<Core>>;
  private readonly reader: DeadlineReader;
  private readonly startedAt: number;
  private link: Link | undefined;
  private linkClosed = false;
  private linkBlocked = false;
  private writeWait: Wait | undefined;
  private flushing = false;
  private closing: 'no' | 'draining' | 'ended' = 'no';
  private lastAddresses: LinkAddresses | undefined;
  /** As observers were told, and since when. */
  private toldPhase: SshErrorPhase = 'connect';
  private phaseSince: number;
  private isFreed = false;
  /** Made for the first who asks. */
  private overKnown: Promise<SshError> | undefined;
  private resolveOver: ((cause: SshError) => void) | undefined;
  private deferredEnd: SshError | undefined;

  constructor(options: DriverOptions<Core>, target: EventTarget<EventOf<Core>>) {
    this.clock = options.clock;
    this.waits = options.waits;
    this.timeouts = options.timeouts;
    this.destination = options.target;
    this.openedAt = options.openedAt;
    this.open = options.open;
    this.createCore = options.createCore;
    this.role = options.role;
    this.target = target;
    this.reader = new DeadlineReader(options.clock);
    this.startedAt = this.now;
    this.phaseSince = this.startedAt;
  }

  /** Opens the link and runs until the end. Never throws and never rejects. */
  start(): void {
    registerConnection(this);
    notifyObservers((observer) => observer.opened?.(this));
    try {
      this.link = this.open?.(this);
    } catch (error) {
      this.endBeforeCore(connectError(error, this.targetText));
    }
    this.open = undefined;
    this.awaitMore();
  }

  /** Resolves with the cause once nothing is left of the connection. */
  get over(): Promise<SshError> {
    this.overKnown ??= new Promise((resolve) => {
      if (this.isFreed && this.cause !== undefined) resolve(this.cause);
      else this.resolveOver = resolve;
    });
    return this.overKnown;
  }

  private get targetText(): string {
    const { destination } = this;
    return typeof destination === 'string' ? destination : spelled(destination);
  }

  /** Says to which host an error happened, where one was dialled. */
  addressed(error: SshError): SshError {
    return typeof this.destination === 'string' ? error : addressed(error, this.destination);
  }

  get now(): number {
    return this.clock.now();
  }

  /** Calls on the core are in order. It ends before the driver does: what came ahead of the end is delivered meanwhile. */
  get isLive(): boolean {
    return this.core !== undefined && this.cause === undefined && this.core.cause === undefined;
  }

  /** Runs a call of the user on the core and sends what it brought about. */
  act<T>(call: (core: Core) => T): T {
    const { core } = this;
    if (core === undefined || !this.isLive) {
      throw (
        this.cause ??
        core?.cause ??
        new SshError('ERR_SSH_INTERNAL', 'not connected yet', { origin: 'local' })
      );
    }
    core.at(this.now);
    const result = call(core);
    this.touch();
    return result;
  }

  /** Runs a step that concerns nobody once the connection has ended. A fault of the step ends the connection. */
  quietly(step: (core: Core) => void): void {
    const { core } = this;
    if (core === undefined || !this.isLive) return;
    core.at(this.now);
    try {
      step(core);
    } catch (error) {
      core.fail(error);
    }
    this.touch();
  }

  /** Something may have to be sent, delivered or timed anew: done once, after the calls of this turn. */
  touch(): void {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      this.turn();
    });
  }

  /** Ends the connection at once, for a reason of this side. */
  destroy(cause: SshError): void {
    if (this.cause !== undefined) return this.link?.destroy();
    if (this.core === undefined) this.endBeforeCore(cause);
    else this.core.at(this.now).fail(cause);
    this.closing = 'ended';
    this.turn();
  }

  /** Ends the connection by a fault of this side, also from within an event or before the link is up. */
  fail(cause: SshError): void {
    if (this.cause !== undefined) return;
    if (this.core === undefined) this.endBeforeCore(cause);
    else this.core.at(this.now).fail(cause);
    this.touch();
  }

  /**
   * Sends what was written, says goodbye, and waits for the end of the link: once the
   * `close` time for the data, once for the peer. What is not sent in time becomes the cause.
   */
  close(cause: SshError): void {
    if (this.cause !== undefined || this.closing !== 'no') return;
    const { core } = this;
    if (core === undefined) return this.destroy(cause);
    this.closing = 'draining';
    this.deferredEnd = cause;
    const wait = this.waits.start(
      'close',
      'what was written to be taken',
      this.now,
      this.timeouts.close,
      () => this.finishDraining(unsentError(core, wait, this.unsent)),
    );
    this.touch();
  }

  snapshot(): ConnectionSnapshot {
    const { id, role, targetText: target, phase, now, waits, core, link, openedAt } = this;
    const addresses = this.addresses();
    const age = now - this.startedAt;
    return connectionSnapshot({ id, role, target, addresses, phase, age, now, waits, core, link, openedAt });
  }

  get phase(): SshErrorPhase {
    return this.closing !== 'no' || this.cause !== undefined ? 'close' : (this.core?.phase ?? 'connect');
  }

  private notePhase(): void {
    const { phase, toldPhase: from } = this;
    if (phase === from) return;
    const { now } = this;
    const elapsed = now - this.phaseSince;
    this.toldPhase = phase;
    this.phaseSince = now;
    tellPhase(this, from, phase, elapsed);
  }

  // The loop ------------------------------------------------------------------

  private awaitMore(): void {
    if (this.isOver) this.finish();
    else this.reader.listen(this, this.deadline());
  }

  /** One round of the loop. */
  filled(outcome: FillOutcome): void {
    this.step(outcome);
    this.turn();
    this.awaitMore();
  }

  /** The cause is known and nothing is left of the link. */
  private get isOver(): boolean {
    return this.cause !== undefined && (this.linkClosed || this.link === undefined);
  }

  private deadline(): number {
    return this.core?.deadline() ?? this.waits.earliest();
  }

  private step(outcome: FillOutcome): void {
    const { core, now } = this;
    if (outcome === 'data') for (const chunk of this.reader.take()) core?.receive(chunk, now);
    else if (outcome === 'expired') this.expire(now);
    else if (outcome === 'ended' && core === undefined) {
      this.endBeforeCore(connectError(this.reader.error, this.targetText));
    } else if (outcome === 'ended' && this.cause === undefined) {
      core?.at(now).linkEnded(this.reader.error);
    }
  }

  private expire(now: number): void {
    const { core } = this;
    const expired = this.waits.expired(now);
    if (core !== undefined) core.expire(now);
    for (const wait of core === undefined ? expired : []) {
      if (wait.onExpire !== undefined) wait.onExpire();
      else {
        const progress = this.link?.progress?.();
        this.endBeforeCore(connectTimeout(wait, this.waits, now, this.targetText, progress));
      }
    }
    tellExpired(this, expired, this.cause ?? core?.cause, now);
  }

  /** Delivers events, writes output, and sets the timer for what is waited for now. */
  private turn(): void {
    const { core } = this;
    if (core !== undefined) {
      this.deliver(core);
      this.flush(core);
      this.deliver(core);
      this.drainIfClosing(core);
      this.notePhase();
      if (core.cause !== undefined) this.end(core.cause);
    }
    this.reader.retime(this.deadline());
    if (this.isOver) this.reader.wake();
  }

  private deliver(core: Core): void {
    for (let event = core.nextEvent(); event !== undefined; event = core.nextEvent()) {
      if (event.type === 'ended') continue;
      try {
        this.target.handle(event as EventOf<Core>);
      } catch (error) {
        // Whatever a listener throws, the loop goes on to the one end.
        core.fail(error);
      }
    }
  }

  private flush(core: Core): void {
    const { link } = this;
    if (link === undefined || this.linkClosed) return;
    while (!this.linkBlocked) {
      const output = core.takeOutput();
      if (output === undefined) break;
      if (!link.write(output)) this.linkBlocked = true;
    }
    this.watchWriting(link);
  }

  // Writing ------------------------------------------------------------------------

  private watchWriting(link: Link): void {
    if (this.cause !== undefined) return;
    if (link.unsentBytes() === 0) {
      this.waits.finish(this.writeWait);
      this.writeWait = undefined;
    } else if (this.writeWait === undefined) {
      this.startWriteWait();
    }
  }

  /** Begun anew at each finished write, so a backlog that shrinks until expiry is of one write and means progress. */
  private startWriteWait(): void {
    const { waits, timeouts } = this;
    const backlog = this.link?.writeBacklog() ?? 0;
    const wait = waits.start('write', 'the peer to take what was written', this.now, timeouts.write, () => {
      if ((this.link?.writeBacklog() ?? 0) >= backlog) {
        this.core?.fail(this.core.timeoutError(wait));
        return;
      }
      waits.finish(wait);
      this.startWriteWait();
    });
    this.writeWait = wait;
  }

  // The end --------------------------------------------------------------------------

  /** Bytes that were written and that the platform has not taken. */
  get unsent(): number {
    return unsentBytes(this.core, this.link);
  }

  private drainIfClosing(core: Core): void {
    const { closing, deferredEnd } = this;
    if (closing !== 'draining' || core.cause !== undefined || deferredEnd === undefined) return;
    if (this.unsent === 0) this.finishDraining(deferredEnd);
  }

  private finishDraining(cause: SshError): void {
    const { core } = this;
    if (this.closing !== 'draining' || core === undefined) return;
    core.at(this.now).disconnect(cause);
    this.flush(core);
    this.end(core.cause ?? cause);
  }

  private endBeforeCore(cause: SshError): void {
    if (this.cause !== undefined) return;
    this.waits.clear();
    this.end(cause);
  }

  private end(cause: SshError): void {
    if (this.cause !== undefined) return;
    this.cause = this.addressed(cause);
    this.notePhase();
    const { link, core } = this;
    if (core !== undefined && link !== undefined && !this.linkClosed) {
      for (let output = core.takeOutput(); output !== undefined; output = core.takeOutput())
        link.write(output);
    }
    this.lastAddresses = this.addresses();
    this.target.ended(this.cause);
    if (link === undefined) return this.reader.wake();
    // A link that took nothing all the time would not take the goodbye either.
    if (this.closing === 'draining' && cause.origin !== 'deadline') this.endLink(link);
    else link.destroy();
  }

  /** Our FIN goes out behind the goodbye; the peer has the rest of the `close` time for its own. */
  private endLink(link: Link): void {
    this.closing = 'ended';
    const { waits, timeouts } = this;
    const wait = waits.start('close', 'the peer to close the connection', this.now, timeouts.close, () => {
      waits.finish(wait);
      link.destroy();
    });
    link.end();
  }

  private finish(): void {
    this.reader.close();
    this.waits.clear();
    unregisterConnection(this);
    const { cause } = this;
    if (cause === undefined) return;
    notifyObservers((observer) => observer.ended?.(this, cause, this.snapshot()));
    // Users may keep a closed connection; what it holds is not to be kept by that.
    this.core?.letGo();
    this.link = undefined;
    this.isFreed = true;
    this.resolveOver?.(cause);
  }

  // What the link reports -----------------------------------------------------------------

  connected(link: Link | undefined = this.link): void {
    const { createCore } = this;
    this.link = link;
    this.createCore = undefined;
    const core = this.cause === undefined ? createCore?.(this.now) : undefined;
    // The caller's own code may have ended the connection meanwhile.
    if (core === undefined || this.cause !== undefined) return;
    this.core = core;
    this.turn();
  }

  received(chunk: Uint8Array): void {
    if (this.cause === undefined) this.reader.push(chunk);
  }

  lent(chunk: Uint8Array): void {
    // What came before it comes first.
    if (this.core === undefined || this.reader.holds) return this.received(chunk.slice());
    this.core.receive(chunk, this.now, true);
    this.reader.wake();
  }

  written(): void {
    this.waits.finish(this.writeWait);
    this.writeWait = undefined;
    this.linkBlocked = false;
    if (this.cause === undefined) this.touch();
  }

  ended(error: Error | undefined): void {
    this.reader.end(error);
    // A peer that says goodbye in return ends the wait for it.
    if (this.closing === 'ended') this.link?.destroy();
  }

  closed(): void {
    this.linkClosed = true;
    this.ended(undefined);
    this.reader.wake();
  }

  private addresses(): LinkAddresses | undefined {
    return this.lastAddresses ?? this.link?.addresses();
  }
}
