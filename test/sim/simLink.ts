/**
 * A wire between two ends, on a virtual clock.
 *
 * Owns: bytes on their way in each direction, and what a script does to them:
 * cut, join, delay, drip, hold up, end, reset, alter.
 * Must not know: SSH, who sits at the ends.
 *
 * As with a socket, what is written is first this process's, then the kernel's
 * (as much as `capacity`), then the peer's; only the first can be taken back.
 */
import type { Link, LinkAddresses, LinkReceiver } from '../../src/io/link.ts';
import type { VirtualClock } from '../support/virtualClock.ts';
import type { Random } from './random.ts';

/** What happens once so many bytes of a direction have arrived. */
export interface Fault {
  readonly offset: number;
  /**
   * `stall`: nothing more arrives, and nothing more is taken once the kernel's buffers are full.
   * `end`: an orderly end; what follows is lost. `reset`: both ends break. `corrupt`: the next byte is altered.
   * `drip`: what follows comes a byte at a time, with `gap` between.
   */
  readonly kind: 'stall' | 'end' | 'reset' | 'corrupt' | 'drip';
  /** Milliseconds; a second where not given. */
  readonly gap?: number;
}

/** The script of one direction. Times in milliseconds. */
export interface DirectionPlan {
  readonly delay?: number;
  /** Up to so much more, drawn for each piece; order is kept. */
  readonly jitter?: number;
  readonly bytesPerMillisecond?: number;
  /** Pieces of 1 to so many bytes, drawn for each. */
  readonly cut?: number;
  /** Least time between two pieces: with `cut: 1` a drip. */
  readonly gap?: number;
  /** Pieces that arrive within so much of each other are joined. */
  readonly join?: number;
  /** Bytes the kernel holds at most. */
  readonly capacity?: number;
  readonly fault?: Fault;
}

export interface LinkPlan {
  readonly toServer?: DirectionPlan;
  readonly toClient?: DirectionPlan;
}

/** Bytes a socket takes from its user before it asks to wait. */
const writeAhead = 16 * 1024;
const defaultCapacity = 256 * 1024;

interface PendingWrite {
  readonly bytes: Uint8Array;
  taken: number;
}

/** One direction. */
class Pipe {
  /** Bytes that arrived. */
  arrived = 0;
  /** When the last of them did. */
  arrivedAt = 0;
  unsent = 0;
  stalled = false;
  readonly pending: PendingWrite[] = [];
  private readonly clock: VirtualClock;
  private readonly plan: DirectionPlan;
  private readonly random: Random;
  private readonly from: () => SimEnd;
  private readonly to: () => SimEnd;
  private readonly inbox: { readonly at: number; readonly piece: Uint8Array }[] = [];
  private inFlight = 0;
  private lineFreeAt = 0;
  private lastArrival = 0;
  private fault: Fault | undefined;
  private finWanted = false;
  private finSent = false;
  /** When the last byte of a drip has fallen; undefined before there is one. */
  private dripsUntil: number | undefined;

  constructor(
    clock: VirtualClock,
    plan: DirectionPlan,
    random: Random,
    ends: { from: () => SimEnd; to: () => SimEnd },
  ) {
    this.clock = clock;
    this.plan = plan;
    this.random = random;
    this.from = ends.from;
    this.to = ends.to;
    this.fault = plan.fault;
  }

  /** Our end has gone out behind all that was written. */
  get isFinished(): boolean {
    return this.finSent;
  }

  write(bytes: Uint8Array): void {
    this.unsent += bytes.length;
    this.pending.push({ bytes, taken: 0 });
    this.clock.ioAt(this.clock.now(), () => this.feed());
  }

  end(): void {
    this.finWanted = true;
    this.clock.ioAt(this.clock.now(), () => this.feed());
  }

  /** The sender is gone: what the kernel has not yet is lost. */
  abandon(): void {
    this.pending.length = 0;
    this.finWanted = true;
    this.feed();
  }

  /** The kernel takes what it has room for. */
  private feed(): void {
    const { capacity = defaultCapacity } = this.plan;
    for (
      let write = this.pending[0];
      write !== undefined && this.inFlight < capacity;
      write = this.pending[0]
    ) {
      const length = Math.min(write.bytes.length - write.taken, capacity - this.inFlight);
      this.inFlight += length;
      this.send(write.bytes.slice(write.taken, write.taken + length));
      write.taken += length;
      if (write.taken < write.bytes.length) break;
      this.pending.shift();
      this.taken(write.bytes.length);
    }
    if (this.pending.length === 0 && this.finWanted && !this.finSent) {
      this.finSent = true;
      this.clock.ioAt(this.arrivalOf(0), () => this.deliverEnd());
    }
  }

  private taken(length: number): void {
    this.clock.ioAt(this.clock.now(), () => {
      this.unsent -= length;
      this.from().told((receiver) => receiver.written());
    });
  }

  private send(bytes: Uint8Array): void {
    const { cut = bytes.length } = this.plan;
    for (let start = 0; start < bytes.length; ) {
      const length = Math.min(
        cut >= bytes.length ? bytes.length : 1 + Math.floor(this.random() * cut),
        bytes.length - start,
      );
      const piece = bytes.subarray(start, start + length);
      const at = this.arrivalOf(length);
      this.inbox.push({ at, piece });
      this.clock.ioAt(at, () => this.deliver());
      start += length;
    }
  }

  private arrivalOf(length: number): number {
    const {
      delay = 0,
      jitter = 0,
      bytesPerMillisecond = Number.POSITIVE_INFINITY,
      gap = 0,
      join = 0,
    } = this.plan;
    this.lineFreeAt = Math.max(this.clock.now(), this.lineFreeAt) + length / bytesPerMillisecond;
    let at = Math.max(this.lineFreeAt + delay + this.random() * jitter, this.lastArrival + gap);
    if (join > 0) at = Math.ceil(at / join) * join;
    this.lastArrival = at;
    return at;
  }

  private deliver(): void {
    const pieces: Uint8Array[] = [];
    const now = this.clock.now();
    do {
      const next = this.inbox[0];
      if (next === undefined || next.at > now) break;
      this.inbox.shift();
      pieces.push(next.piece);
    } while ((this.plan.join ?? 0) > 0);
    if (pieces.length > 0) this.arrive(Buffer.concat(pieces));
  }

  private arrive(joined: Buffer): void {
    if (this.stalled) return;
    const { fault } = this;
    const bytes = new Uint8Array(joined);
    if (this.dripsUntil !== undefined) return this.drip(bytes);
    if (fault === undefined || this.arrived + bytes.length <= fault.offset) {
      if (fault !== undefined && strikesAhead(fault) && this.arrived + bytes.length === fault.offset) {
        this.hand(bytes);
        return this.strike(fault);
      }
      return this.hand(bytes);
    }
    const clean = fault.offset - this.arrived;
    if (fault.kind === 'drip') {
      if (clean > 0) this.hand(bytes.subarray(0, clean));
      this.dripsUntil = this.clock.now();
      return this.drip(bytes.subarray(clean));
    }
    if (fault.kind === 'corrupt') {
      this.fault = undefined;
      bytes[clean] = (bytes[clean] as number) ^ (1 + Math.floor(this.random() * 255));
      return this.hand(bytes);
    }
    if (clean > 0) this.hand(bytes.subarray(0, clean));
    this.strike(fault);
  }

  private drip(bytes: Uint8Array): void {
    const { gap = 1000 } = this.fault ?? {};
    for (let i = 0; i < bytes.length; i++) {
      this.dripsUntil = Math.max(this.dripsUntil ?? 0, this.clock.now()) + gap;
      const byte = bytes.slice(i, i + 1);
      this.clock.ioAt(this.dripsUntil, () => {
        if (!this.stalled) this.hand(byte);
      });
    }
  }

  /** A fault at 0 strikes before the first byte. */
  private strike({ kind }: Fault): void {
    this.stalled = true;
    if (kind === 'end') this.to().finArrived();
    if (kind !== 'reset') return;
    this.to().broken();
    this.from().broken();
  }

  private hand(bytes: Uint8Array): void {
    this.arrived += bytes.length;
    this.arrivedAt = this.clock.now();
    this.inFlight -= bytes.length;
    if (this.to().isGone) {
      // A closed socket answers with a reset.
      this.clock.ioAt(this.clock.now() + (this.plan.delay ?? 0), () => this.from().broken());
    } else {
      this.to().told((receiver) => receiver.received(bytes));
    }
    this.feed();
  }

  private deliverEnd(): void {
    const behind = this.dripsUntil ?? 0;
    if (behind > this.clock.now()) this.clock.ioAt(behind, () => this.deliverEnd());
    else if (!this.stalled) this.to().finArrived();
  }
}

/** Before the byte that follows has come. */
function strikesAhead({ kind }: Fault): boolean {
  return kind !== 'corrupt' && kind !== 'drip';
}

/** One end of the wire. */
export class SimEnd implements Link {
  /** Nothing is left of it. */
  isGone = false;
  private readonly clock: VirtualClock;
  private readonly out: Pipe;
  private readonly name: string;
  /** Whether the end of the other direction ends this one, as of a socket without allowHalfOpen. */
  private readonly endsWithPeer: boolean;
  private receiver: LinkReceiver | undefined;
  private ended = false;
  private finReceived = false;

  constructor(clock: VirtualClock, out: Pipe, name: string, endsWithPeer: boolean) {
    this.clock = clock;
    this.out = out;
    this.name = name;
    this.endsWithPeer = endsWithPeer;
  }

  /** Who is told; without one what comes is dropped. */
  attach(receiver: LinkReceiver): void {
    this.receiver = receiver;
  }

  get isAttached(): boolean {
    return this.receiver !== undefined;
  }

  told(tell: (receiver: LinkReceiver) => void): void {
    if (!this.isGone && this.receiver !== undefined) tell(this.receiver);
  }

  write(bytes: Uint8Array): boolean {
    if (this.isGone || this.ended) return false;
    this.out.write(bytes);
    return this.out.unsent < writeAhead;
  }

  unsentBytes(): number {
    return this.out.unsent;
  }

  writeBacklog(): number {
    const first = this.out.pending[0];
    return first === undefined ? 0 : first.bytes.length - first.taken;
  }

  end(): void {
    if (this.ended || this.isGone) return;
    this.ended = true;
    this.out.end();
    this.closeIfDone();
  }

  destroy(): void {
    if (this.isGone) return;
    this.leave();
    this.out.abandon();
  }

  addresses(): LinkAddresses {
    return { localAddress: undefined, localPort: undefined, remoteAddress: this.name, remotePort: 22 };
  }

  finArrived(): void {
    if (this.isGone || this.finReceived) return;
    this.finReceived = true;
    this.told((receiver) => receiver.ended(undefined));
    if (this.endsWithPeer) this.end();
    this.closeIfDone();
  }

  /** As by a RST. */
  broken(): void {
    if (this.isGone) return;
    this.told((receiver) => receiver.ended(new Error('read ECONNRESET')));
    this.leave();
  }

  private closeIfDone(): void {
    if (!this.ended || !this.finReceived) return;
    const look = (): void => {
      if (this.isGone) return;
      if (this.out.isFinished) this.leave();
    };
    this.clock.ioAt(this.clock.now(), look);
  }

  private leave(): void {
    if (this.isGone) return;
    this.isGone = true;
    const { receiver } = this;
    this.clock.ioAt(this.clock.now(), () => receiver?.closed());
  }
}

/** A wire with both its ends. */
export class SimWire {
  readonly client: SimEnd;
  readonly server: SimEnd;
  private readonly toServer: Pipe;
  private readonly toClient: Pipe;

  constructor(clock: VirtualClock, plan: LinkPlan, random: Random) {
    const client = (): SimEnd => this.client;
    const server = (): SimEnd => this.server;
    this.toServer = new Pipe(clock, plan.toServer ?? {}, random, { from: client, to: server });
    this.toClient = new Pipe(clock, plan.toClient ?? {}, random, { from: server, to: client });
    this.client = new SimEnd(clock, this.toServer, 'server', true);
    this.server = new SimEnd(clock, this.toClient, 'client', false);
  }

  /** When the last byte arrived anywhere. */
  get lastArrival(): number {
    return Math.max(this.toServer.arrivedAt, this.toClient.arrivedAt);
  }

  /** The path is gone: nothing arrives any more, and no end is told. */
  silence(): void {
    this.toServer.stalled = true;
    this.toClient.stalled = true;
  }

  /** Bytes that have arrived in each direction. */
  get arrived(): { readonly toServer: number; readonly toClient: number } {
    return { toServer: this.toServer.arrived, toClient: this.toClient.arrived };
  }
}
