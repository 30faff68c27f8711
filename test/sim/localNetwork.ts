/**
 * The network of one simulated machine: programs that connect to each other, on a virtual clock.
 *
 * Owns: listeners, connections with buffers as a kernel has them, ends and resets.
 * Must not know: SSH, forwards.
 */
import { concatBytes } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import type { ByteSink, ByteSource, SourceListener } from '../../src/endpoint/streams.ts';
import type { LocalConnection, LocalListener, LocalNetwork } from '../../src/forwarding/local.ts';
import { type ListenPlace, placeText, type TargetPlace } from '../../src/forwarding/places.ts';
import type { VirtualClock } from '../support/virtualClock.ts';

/** Bytes that the kernel holds for one direction. */
const capacity = 64 * 1024;

type Done = (error?: Error) => void;

/** One direction of a connection. */
class Half {
  readonly clock: VirtualClock;
  /** Told that there is something new: bytes, an end, a fault. */
  changed: () => void = () => {};
  /** Told that the reader has gone. */
  broken: (error: Error) => void = () => {};
  ended = false;
  fault: Error | undefined;
  private readonly pieces: Uint8Array[] = [];
  private held = 0;
  private readonly waiting: { readonly bytes: Uint8Array; readonly done: Done }[] = [];
  private finWanted: Done | undefined;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  get isEmpty(): boolean {
    return this.pieces.length === 0;
  }

  write(bytes: Uint8Array, done: Done): void {
    if (this.fault !== undefined) return this.soon(() => done(this.fault));
    this.waiting.push({ bytes: bytes.slice(), done });
    this.feed();
  }

  end(done: Done): void {
    if (this.fault !== undefined) return this.soon(() => done(this.fault));
    this.finWanted = done;
    this.feed();
  }

  take(): Uint8Array | undefined {
    const piece = this.pieces.shift();
    this.held -= piece?.length ?? 0;
    if (piece !== undefined) this.feed();
    return piece;
  }

  break(error: Error): void {
    if (this.fault !== undefined) return;
    this.fault = error;
    this.pieces.length = 0;
    const waiting = this.waiting.splice(0);
    this.soon(() => {
      for (const { done } of waiting) done(error);
      this.finWanted?.(error);
      this.finWanted = undefined;
      this.broken(error);
      this.changed();
    });
  }

  private feed(): void {
    for (let next = this.waiting[0]; next !== undefined && this.held < capacity; next = this.waiting[0]) {
      this.waiting.shift();
      const { bytes, done } = next;
      this.pieces.push(bytes);
      this.held += bytes.length;
      this.soon(() => {
        done();
        this.changed();
      });
    }
    const fin = this.finWanted;
    if (fin === undefined || this.waiting.length > 0) return;
    this.finWanted = undefined;
    this.soon(() => {
      this.ended = true;
      fin();
      this.changed();
    });
  }

  private soon(step: () => void): void {
    this.clock.ioAt(this.clock.now(), step);
  }
}

/** A program's end of a connection, as a test plays it. */
export class SimProgram {
  /** Everything that came. */
  readonly pieces: Uint8Array[] = [];
  /** The other side has ended its direction. */
  ended = false;
  /** The connection was cut. */
  fault: Error | undefined;
  private readonly incoming: Half;
  private readonly outgoing: Half;
  private reads = true;

  constructor(incoming: Half, outgoing: Half) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    incoming.changed = () => this.look();
    outgoing.broken = (error) => {
      this.fault ??= error;
    };
  }

  get received(): Uint8Array {
    return concatBytes(...this.pieces);
  }

  /** Nothing more will come, in whatever way. */
  get isOver(): boolean {
    return this.ended || this.fault !== undefined;
  }

  /** Resolves when the kernel has taken the bytes, or never will. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.outgoing.write(bytes, () => resolve()));
  }

  end(): void {
    this.outgoing.end(() => {});
  }

  reset(): void {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    this.incoming.break(error);
    this.outgoing.break(error);
  }

  stopReading(): void {
    this.reads = false;
  }

  readOn(): void {
    this.reads = true;
    this.look();
  }

  private look(): void {
    if (!this.reads) return;
    for (let piece = this.incoming.take(); piece !== undefined; piece = this.incoming.take())
      this.pieces.push(piece);
    if (this.incoming.fault !== undefined) this.fault ??= this.incoming.fault;
    else if (this.incoming.ended && this.incoming.isEmpty) this.ended = true;
  }
}

/** The library's end of a connection. */
class SimConnection implements LocalConnection, ByteSource, ByteSink {
  readonly peer = { address: '127.0.0.1', port: 50_000 };
  readonly source: ByteSource = this;
  readonly sink: ByteSink = this;
  private readonly incoming: Half;
  private readonly outgoing: Half;
  private readonly gone: () => void;
  private cancelled = false;

  constructor(incoming: Half, outgoing: Half, gone: () => void) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.gone = gone;
  }

  listen(listener: SourceListener | ((error: Error) => void)): void {
    if (typeof listener === 'function') {
      this.outgoing.broken = listener;
      return;
    }
    const tell = (): void => {
      if (this.cancelled) return;
      const { incoming } = this;
      if (incoming.fault !== undefined) return listener.failed(incoming.fault);
      if (!incoming.isEmpty) listener.readable();
      if (incoming.ended && incoming.isEmpty) listener.ended();
    };
    this.incoming.changed = tell;
    tell();
  }

  take(): Uint8Array | undefined {
    const piece = this.cancelled ? undefined : this.incoming.take();
    // Whoever took the last piece is told of the end behind it.
    if (piece !== undefined && this.incoming.isEmpty) {
      this.incoming.clock.ioAt(this.incoming.clock.now(), () => this.incoming.changed());
    }
    return piece;
  }

  write(bytes: Uint8Array, done: Done): void {
    this.outgoing.write(bytes, done);
  }

  end(done: Done): void {
    this.outgoing.end(done);
  }

  cancel(): void {
    this.cancelled = true;
  }

  destroy(reset: boolean): void {
    this.cancelled = true;
    this.gone();
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    if (reset) {
      this.incoming.break(error);
      this.outgoing.break(error);
    } else if (!this.outgoing.ended) {
      this.outgoing.end(() => {});
    }
  }
}

export class SimLocalNetwork implements LocalNetwork {
  /** Connections of the library that it has not freed. */
  open = 0;
  private readonly clock: VirtualClock;
  private readonly listeners = new Map<string, (connection: LocalConnection) => void>();
  private readonly programs = new Map<string, (program: SimProgram) => void>();
  private lastPort = 40_000;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** Places on which the library listens. */
  get listening(): readonly string[] {
    return [...this.listeners.keys()];
  }

  /** A program listens, and is handed each connection. */
  serve(place: TargetPlace, accepted: (program: SimProgram) => void): void {
    this.programs.set(placeText(place), accepted);
  }

  /** A program connects to what the library listens on. */
  dial(place: ListenPlace): SimProgram {
    const { program, connection } = this.pair();
    const accepted = this.listeners.get(placeText(place));
    if (accepted === undefined) connection.destroy(true);
    else this.clock.ioAt(this.clock.now(), () => accepted(connection));
    return program;
  }

  async listen(place: ListenPlace, accepted: (connection: LocalConnection) => void): Promise<LocalListener> {
    const standing =
      place.path === undefined && place.port === 0 ? { host: place.host, port: ++this.lastPort } : place;
    const name = placeText(standing);
    if (this.listeners.has(name))
      throw new SshError('ERR_SSH_FORWARD', `cannot listen on ${name}`, { origin: 'local' });
    this.listeners.set(name, accepted);
    return {
      place: standing,
      close: async () => {
        this.listeners.delete(name);
      },
    };
  }

  async connect(place: TargetPlace): Promise<LocalConnection> {
    const accepted = this.programs.get(placeText(place));
    if (accepted === undefined)
      throw new SshError('ERR_SSH_FORWARD', `cannot connect to ${placeText(place)}`, { origin: 'network' });
    const { program, connection } = this.pair();
    accepted(program);
    return connection;
  }

  private pair(): { program: SimProgram; connection: SimConnection } {
    const [up, down] = [new Half(this.clock), new Half(this.clock)];
    this.open++;
    let isOpen = true;
    const connection = new SimConnection(up, down, () => {
      if (isOpen) this.open--;
      isOpen = false;
    });
    const program = new SimProgram(down, up);
    return { program, connection };
  }
}
