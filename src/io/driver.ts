/**
 * Drives one protocol object over one link.
 *
 * Owns: the loop read, step, deliver, write, wait; the end of the connection
 * (`stage.ts` has its stages).
 * Must not know: what the events mean, what kind of link it is.
 */
import { type Address, addressed, spelled } from '../base/addressed.ts';
import { SshError, type SshErrorPhase } from '../base/errors.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { WaitTable } from '../base/waits.ts';
import type { AnyCore } from '../protocol/core.ts';
import type { Clock } from './clock.ts';
import { connectError, connectTimeout } from './connecting/connectErrors.ts';
import { DeadlineReader, type FillListener, type FillOutcome } from './deadlineReader.ts';
import type { DriverOptions, EventOf, EventTarget } from './driverOptions.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from './link.ts';
import { LinkWriter, unsentError } from './linkWriter.ts';
import {
  nextConnectionId,
  notifyExpired,
  notifyObservers,
  type RegisteredConnection,
  registerConnection,
  unregisterConnection,
} from './registry.ts';
import type { LookAtSftp, ShownSftp } from './shownSftp.ts';
import {
  type ConnectionSnapshot,
  connectionSnapshot,
  type ForwardSnapshot,
  noForwards,
  type SnapshotOptions,
} from './snapshots.ts';
import { type Stage, type StageEvent, stageAfter } from './stage.ts';

export class Driver<Core extends AnyCore> implements RegisteredConnection, LinkReceiver, FillListener {
  readonly id: number = nextConnectionId();
  /** The forwards that stand on the connection, for reports; their maker says. */
  forwards: () => readonly ForwardSnapshot[] = noForwards;
  /** The sessions of SFTP on it; undefined until there is one. */
  private sftp: Set<LookAtSftp> | undefined;
  readonly role: 'client' | 'server';
  /** Undefined until the link is up. */
  core: Core | undefined;
  /** Why the connection ended; undefined while it lives. */
  cause: SshError | undefined;
  /** How far it is on the way to that. */
  stage: Stage = 'connecting';
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
  private readonly writer: LinkWriter;
  private readonly startedAt: number;
  private flushing = false;
  /** While it drains: the cause, once all is sent. */
  private goodbye: SshError | undefined;
  private lastAddresses: LinkAddresses | undefined;
  /** As observers were told, and since when. */
  private toldPhase: SshErrorPhase = 'connect';
  private phaseSince: number;
  /** Made for the first who asks. */
  private overKnown: Promise<SshError> | undefined;
  private resolveOver: ((cause: SshError) => void) | undefined;

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
    this.writer = new LinkWriter(options.clock, options.waits, options.timeouts);
    this.startedAt = this.now;
    this.phaseSince = this.startedAt;
  }

  /** Opens the link and runs until the end. Never throws and never rejects. */
  start(): void {
    registerConnection(this);
    notifyObservers((observer) => observer.opened?.(this));
    try {
      this.writer.link = this.open?.(this);
    } catch (error) {
      this.endBeforeCore(connectError(error, this.targetText));
    }
    this.open = undefined;
    this.awaitMore();
  }

  /** Resolves with the cause once nothing is left of the connection. */
  get over(): Promise<SshError> {
    this.overKnown ??= new Promise((resolve) => {
      if (this.stage === 'over' && this.cause !== undefined) resolve(this.cause);
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
    if (this.cause !== undefined) return this.breakLink();
    if (this.core === undefined) this.endBeforeCore(cause);
    else this.core.at(this.now).fail(cause);
    this.advance('break');
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
    const { core, stage } = this;
    if (stage === 'connecting') return this.destroy(cause);
    if (stage !== 'running' || core === undefined) return;
    this.advance('close');
    this.goodbye = cause;
    const wait = this.waits.start(
      'close',
      'what was written to be taken',
      this.now,
      this.timeouts.close,
      () => this.finishDraining(core, unsentError(core, wait, this.unsent)),
    );
    this.touch();
  }

  /** Shows a session of SFTP in reports until it says that it is over. */
  showSftp(look: LookAtSftp): ShownSftp {
    this.sftp ??= new Set();
    this.sftp.add(look);
    return {
      transferStarted: (kind) => notifyObservers((observer) => observer.transferStarted?.(this, kind)),
      transferEnded: (transfer) => notifyObservers((observer) => observer.transferEnded?.(this, transfer)),
      over: () => {
        if (this.sftp?.delete(look) !== true) return;
        const last = look(false);
        notifyObservers((observer) => observer.sftpEnded?.(this, last));
      },
    };
  }

  /** Where both ends of the link are, as far as it knows; also once it is gone. */
  addresses(): LinkAddresses | undefined {
    return this.lastAddresses ?? this.writer.link?.addresses();
  }

  snapshot({ fileNames = false }: SnapshotOptions = {}): ConnectionSnapshot {
    const { id, role, targetText: target, phase, now, waits, core, openedAt } = this;
    const { link } = this.writer;
    const addresses = this.addresses();
    const age = now - this.startedAt;
    const forwards = this.forwards();
    const sftp = [...(this.sftp ?? [])].map((look) => look(fileNames));
    return connectionSnapshot({
      ...{ id, role, target, addresses, phase, age, now, waits, core, link, openedAt, forwards, sftp },
    });
  }

  get phase(): SshErrorPhase {
    if (this.stage === 'connecting') return 'connect';
    return this.stage === 'running' && this.core !== undefined ? this.core.phase : 'close';
  }

  private notePhase(): void {
    const { phase, toldPhase: from } = this;
    if (phase === from) return;
    const { now } = this;
    const elapsed = now - this.phaseSince;
    this.toldPhase = phase;
    this.phaseSince = now;
    notifyObservers((observer) => observer.phaseChanged?.(this, from, phase, elapsed));
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
    return this.cause !== undefined && this.writer.isGone;
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
        const progress = this.writer.link?.progress?.();
        this.endBeforeCore(connectTimeout(wait, this.waits, now, this.targetText, progress));
      }
    }
    notifyExpired(this, expired, this.cause ?? core?.cause, now);
  }

  /** Delivers events, writes output, and sets the timer for what is waited for now. */
  private turn(): void {
    const { core } = this;
    if (core !== undefined) {
      this.deliver(core);
      this.flush(core);
      this.deliver(core);
      this.finishIfDrained(core);
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
    this.writer.flush(core);
    if (this.cause === undefined) this.writer.watch(core);
  }

  // The end --------------------------------------------------------------------------

  /** Bytes that were written and that the platform has not taken. */
  get unsent(): number {
    return this.writer.unsent(this.core);
  }

  private advance(event: StageEvent): void {
    this.stage = stageAfter[this.stage][event];
  }

  private finishIfDrained(core: Core): void {
    const { stage, goodbye } = this;
    if (stage !== 'draining' || core.cause !== undefined || goodbye === undefined) return;
    if (this.unsent === 0) this.finishDraining(core, goodbye);
  }

  private finishDraining(core: Core, cause: SshError): void {
    if (this.stage !== 'draining') return;
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
    // A link that took nothing all the time would not take a goodbye either.
    this.advance(cause.origin === 'deadline' ? 'break' : 'end');
    this.notePhase();
    const { core, writer } = this;
    if (core !== undefined) writer.flushAll(core);
    this.lastAddresses = this.addresses();
    this.target.ended(this.cause);
    if (writer.link === undefined) return this.reader.wake();
    if (this.stage === 'leaving') this.endLink(writer.link);
    else writer.link.destroy();
  }

  /** Our FIN goes out behind the goodbye; the peer has the rest of the `close` time for its own. */
  private endLink(link: Link): void {
    const { waits, timeouts } = this;
    const wait = waits.start('close', 'the peer to close the connection', this.now, timeouts.close, () => {
      waits.finish(wait);
      this.breakLink();
    });
    link.end();
  }

  /** Anybody who was waited for is waited for no longer. */
  private breakLink(): void {
    this.advance('break');
    this.writer.link?.destroy();
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
    this.writer.link = undefined;
    this.advance('free');
    this.resolveOver?.(cause);
  }

  // What the link reports -----------------------------------------------------------------

  connected(link: Link | undefined = this.writer.link): void {
    const { createCore } = this;
    this.writer.link = link;
    this.createCore = undefined;
    const core = this.cause === undefined ? createCore?.(this.now) : undefined;
    // The caller's own code may have ended the connection meanwhile.
    if (core === undefined || this.cause !== undefined) return;
    this.core = core;
    this.advance('up');
    this.turn();
  }

  received(chunk: Uint8Array): void {
    if (this.cause === undefined) this.reader.push(chunk);
  }

  lent(chunk: Uint8Array): void {
    // What came before it comes first.
    if (this.core === undefined || this.reader.holds) return this.received(chunk.slice());
    const { length } = chunk;
    this.core.receive(chunk, this.now, true);
    this.reader.passed(length);
  }

  written(): void {
    this.writer.written();
    if (this.cause === undefined) this.touch();
  }

  ended(error: Error | undefined): void {
    this.reader.end(error);
    // A peer that says goodbye in return ends the wait for it.
    if (this.stage === 'leaving') this.breakLink();
  }

  closed(): void {
    this.writer.closed();
    this.ended(undefined);
    this.reader.wake();
  }
}
