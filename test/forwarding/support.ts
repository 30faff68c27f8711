/**
 * What forwards run on, in the hands of a test.
 *
 * Owns: ends that take and give bytes when they are told to, local connections and
 * channels made of them, and a host that opens, refuses and waits as it is told.
 * Must not know: what is forwarded.
 */
import { concatBytes } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { type Wait, WaitTable } from '../../src/base/waits.ts';
import type { ChannelAcceptor } from '../../src/endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { ByteSink, ByteSource, SourceListener } from '../../src/endpoint/streams.ts';
import type { ForwardingHost } from '../../src/forwarding/host.ts';
import type { LocalConnection, LocalListener, LocalPeer } from '../../src/forwarding/local.ts';
import type { ListenPlace, TargetPlace } from '../../src/forwarding/places.ts';

/** Bytes that come when the test says so. */
export class FakeSource implements ByteSource {
  /** Why its reader was told that nothing comes any more. */
  readonly abortions: Error[] = [];

  isCancelled = false;
  private listener: SourceListener | undefined;
  private readonly chunks: Uint8Array[] = [];

  listen(listener: SourceListener): void {
    this.listener = listener;
  }

  take(): Uint8Array | undefined {
    return this.chunks.shift();
  }

  cancel(): void {
    this.isCancelled = true;
  }

  /** Chunks that nobody took. */
  get left(): number {
    return this.chunks.length;
  }

  comes(...chunks: readonly Uint8Array[]): this {
    this.chunks.push(...chunks);
    this.listener?.readable();
    return this;
  }

  ends(): void {
    this.listener?.ended();
  }

  fails(error: Error): void {
    this.listener?.failed(error);
  }

  aborts(error: Error): void {
    this.listener?.aborted(error);
  }

  aborted(error: Error): void {
    this.abortions.push(error);
  }
}

/** Where bytes go, which are handed on when the test says so. */
export class FakeSink implements ByteSink {
  /** Hands everything on at once. */
  isQuick = true;
  hasEnded = false;
  isCancelled = false;
  readonly written: Uint8Array[] = [];
  private readonly under: ((error?: Error) => void)[] = [];
  private failed: ((error: Error) => void) | undefined;

  listen(failed: (error: Error) => void): void {
    this.failed = failed;
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.written.push(bytes);
    if (this.isQuick) done();
    else this.under.push(done);
  }

  end(done: (error?: Error) => void): void {
    this.hasEnded = true;
    if (this.isQuick) done();
    else this.under.push(done);
  }

  cancel(): void {
    this.isCancelled = true;
  }

  /** The next of the writes, or the end, was handed on, or was not. */
  passes(error?: Error): void {
    this.under.shift()?.(error);
  }

  breaks(error: Error): void {
    this.failed?.(error);
  }

  /** All that was written, in one. */
  get all(): Uint8Array {
    return concatBytes(...this.written);
  }
}

/** A connection of this machine. */
export class FakeLocal implements LocalConnection {
  readonly source: FakeSource = new FakeSource();
  readonly sink: FakeSink = new FakeSink();
  readonly peer: LocalPeer;
  /** How it was freed: whether it was reset, once for each call. */
  readonly destroyed: boolean[] = [];

  constructor(peer: LocalPeer = { address: '127.0.0.1', port: 50_312 }) {
    this.peer = peer;
  }

  destroy(reset: boolean): void {
    this.destroyed.push(reset);
  }
}

/** A channel as forwards see it. */
export class FakePort {
  readonly data: FakeSource = new FakeSource();
  readonly extended: FakeSource = new FakeSource();
  readonly outbound: FakeSink = new FakeSink();
  readonly channel: { eofReceived: boolean } = { eofReceived: false };
  readonly closed: Promise<SshError | undefined>;
  closes = 0;
  private resolveClosed: (cause: SshError | undefined) => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  get port(): ChannelPort {
    return this as unknown as ChannelPort;
  }

  close(): void {
    this.closes++;
  }

  /** The peer has said all that it will. */
  saysEof(): void {
    this.channel.eofReceived = true;
    this.data.ends();
  }

  /** The channel is gone. */
  async ends(cause?: SshError): Promise<void> {
    this.resolveClosed(cause);
    await settled();
  }
}

/** What was set off by then has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Something that a test answers later. */
interface Asked<Question, Answer> {
  readonly what: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** A connection with forwards on it. */
export class FakeHost {
  now = 0;
  isLive = true;
  readonly waits: WaitTable = new WaitTable();
  readonly channels: Asked<{ readonly type: string; readonly data: Uint8Array }, ChannelPort>[] = [];
  readonly connects: Asked<{ readonly to: TargetPlace; readonly signal: AbortSignal }, LocalConnection>[] =
    [];
  readonly requests: Asked<
    { readonly name: string; readonly payload: Uint8Array },
    Uint8Array | undefined
  >[] = [];
  /** Listeners of this machine, and whether each was closed. */
  readonly listeners: {
    readonly place: ListenPlace;
    accept: (local: LocalConnection) => void;
    closes: number;
  }[] = [];
  shown: () => readonly unknown[] = () => [];
  limits: Limits = defaultLimits;
  private readonly acceptors = new Map<string, ChannelAcceptor>();
  private readonly endListeners = new Set<(cause: SshError) => void>();

  get host(): ForwardingHost {
    const ask = <Question, Answer>(list: Asked<Question, Answer>[], what: Question): Promise<Answer> =>
      new Promise((resolve, reject) => list.push({ what, resolve, reject }));
    const host = this;
    return {
      get isLive() {
        return host.isLive;
      },
      get limits() {
        return host.limits;
      },
      get now() {
        return host.now;
      },
      addressed: (error) => error,
      announce: () => {},
      timeouts: defaultTimeouts,
      acceptors: {
        onChannel: (type: string, acceptor: ChannelAcceptor) => {
          this.acceptors.set(type, acceptor);
          return () => this.acceptors.delete(type);
        },
      } as unknown as ForwardingHost['acceptors'],
      network: {
        listen: async (place, accept): Promise<LocalListener> => {
          const listener = { place, accept, closes: 0 };
          this.listeners.push(listener);
          return {
            place,
            close: async () => {
              listener.closes++;
            },
          };
        },
        connect: (to, signal) => {
          const made = ask(this.connects, { to, signal });
          const given = new Promise<never>((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
          });
          return Promise.race([made, given]);
        },
      },
      openChannel: (type, data) => ask(this.channels, { type, data }),
      globalRequest: (name, payload) => ask(this.requests, { name, payload }),
      startWait: (name, detail, timeout, onExpire) =>
        this.waits.start(name, detail, this.now, timeout, onExpire),
      finishWait: (wait) => this.waits.finish(wait),
      timeoutError: (wait: Wait) =>
        new SshError('ERR_SSH_TIMEOUT', `timed out waiting for ${wait.detail}`, { origin: 'deadline' }),
      show: (forwards) => {
        this.shown = forwards;
      },
      onEnd: (listener) => {
        this.endListeners.add(listener);
        return () => this.endListeners.delete(listener);
      },
    };
  }

  /** Time passes, and each wait whose time is over is told. */
  async pass(milliseconds: number): Promise<void> {
    this.now += milliseconds;
    for (const wait of this.waits.expired(this.now)) wait.onExpire?.();
    await settled();
  }

  /** The connection is over. */
  async ends(cause: SshError): Promise<void> {
    this.isLive = false;
    for (const listener of this.endListeners) listener(cause);
    await settled();
  }

  /** The server opens a channel, which may be gone before it is accepted; what it is told. */
  opens(
    type: string,
    data: Uint8Array,
    isGone = false,
  ): { readonly port: FakePort; readonly said: string[] } {
    const port = new FakePort();
    const said: string[] = [];
    this.acceptors.get(type)?.({
      type,
      data,
      isOpen: true,
      accept: () => {
        said.push('accepted');
        return isGone ? undefined : port.port;
      },
      refuse: (_reason: number, why: string) => void said.push(why),
    });
    return { port, said };
  }
}
