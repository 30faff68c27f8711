/**
 * A local connection and a channel, joined.
 *
 * Owns: that bytes, ends and faults of each become those of the other. FIN is
 * EOF, RST is CHANNEL_CLOSE, and the other way round; what was sent before an end
 * arrives before it; a connection that was cut never looks like one that ended.
 * Must not know: who opened the channel, what kind of socket it is.
 * Sources: RFC 4254 §5.3; RFC 9293 §3.6 (half-closed connections).
 */
import { SshError } from '../base/errors.ts';
import { wideNumber } from '../base/longCounts.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { ByteSink, ByteSource } from '../endpoint/streams.ts';
import type { LocalConnection } from './local.ts';

/** Bytes handed to a sink ahead of what it has passed on; a slow consumer holds its own producer back, and nobody else. */
const ahead = 256 * 1024;

export class Joint {
  /** Resolves when both sides are freed; with the error where the connection was cut. */
  readonly over: Promise<Error | undefined>;
  private readonly local: LocalConnection;
  private readonly port: ChannelPort;
  private readonly outward: Pump;
  private readonly inward: Pump;
  private isOver = false;
  private resolveOver: (error: Error | undefined) => void = () => {};

  /** @param early bytes that were read of the local connection before it was joined */
  constructor(local: LocalConnection, port: ChannelPort, early?: Uint8Array) {
    this.local = local;
    this.port = port;
    this.over = new Promise((resolve) => {
      this.resolveOver = resolve;
    });
    const finished = (): void => this.finishIfDone();
    const broken = (error: Error): void => this.end(error);
    this.outward = new Pump(local.source, port.outbound, { finished, broken, early });
    // A channel that is closed without EOF has no end that could be passed on: `channelClosed` cuts it.
    const isWhole = (): boolean => port.channel.eofReceived;
    this.inward = new Pump(port.data, local.sink, { finished, broken, isWhole });
    // Nothing but data belongs on such a channel.
    port.extended.cancel();
    this.outward.start();
    this.inward.start();
    void port.closed.then((cause) => this.channelClosed(cause));
  }

  /** Bytes from the local connection to the channel. */
  get bytesOut(): number {
    return this.outward.bytes;
  }

  /** Bytes from the channel to the local connection. */
  get bytesIn(): number {
    return this.inward.bytes;
  }

  /** Cuts the connection on both sides. */
  destroy(error: Error): void {
    this.end(error);
  }

  /** The peer closed the channel: what it had said arrives. Without EOF it has cut the connection. */
  private channelClosed(cause: SshError | undefined): void {
    if (this.isOver) return;
    if (cause !== undefined) return this.end(cause);
    if (!this.port.channel.eofReceived) {
      return this.end(
        new SshError('ERR_SSH_CHANNEL_CLOSED', 'the peer closed the channel without an end of its data', {
          origin: 'peer',
        }),
      );
    }
    // Nothing can be sent any more; the local side still gets all that came.
    this.outward.stop();
    this.finishIfDone();
  }

  private finishIfDone(): void {
    if (this.inward.isFinished && this.outward.isFinished) this.end(undefined);
  }

  private end(error: Error | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.outward.stop();
    this.inward.stop();
    this.port.close();
    this.local.destroy(error !== undefined);
    this.resolveOver(error);
  }
}

interface PumpOptions {
  /** Everything was passed on, and the end. */
  readonly finished: () => void;
  readonly broken: (error: Error) => void;
  /** Whether the end of the source is the end of what was said; always, where not given. */
  readonly isWhole?: () => boolean;
  /** Bytes ahead of those of the source. */
  readonly early?: Uint8Array | undefined;
}

/** One direction: takes from a source what a sink will pass on. */
class Pump {
  bytes = 0;
  isFinished = false;
  private readonly source: ByteSource;
  private readonly sink: ByteSink;
  private readonly options: PumpOptions;
  private early: Uint8Array | undefined;
  /** Of the writes that the sink has not passed on, in their order: it may free the memory of one that it has. */
  private readonly lengths: number[] = [];
  private underWay = 0;
  private sourceEnded = false;
  private ending = false;

  constructor(source: ByteSource, sink: ByteSink, options: PumpOptions) {
    this.source = source;
    this.sink = sink;
    this.options = options;
    this.bytes = wideNumber;
    this.bytes = 0;
    const { early } = options;
    this.early = early !== undefined && early.length > 0 ? early : undefined;
  }

  start(): void {
    this.sink.listen((error) => this.fail(error));
    this.source.listen({
      readable: () => this.move(),
      ended: () => {
        if (this.options.isWhole?.() === false) return;
        this.sourceEnded = true;
        this.move();
      },
      failed: (error) => this.fail(error),
      aborted: (error) => this.fail(error),
    });
    this.move();
  }

  /** Takes no more. */
  stop(): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.source.cancel();
  }

  private move(): void {
    while (!this.isFinished && this.underWay < ahead) {
      const bytes = this.early ?? this.source.take();
      this.early = undefined;
      if (bytes === undefined) break;
      // A write of nothing is told of at once, ahead of those under way.
      if (bytes.length > 0) this.pass(bytes);
    }
    if (!this.sourceEnded || this.ending || this.isFinished || this.underWay >= ahead) return;
    this.ending = true;
    // Behind all that was written.
    this.sink.end((error) => {
      if (error !== undefined && error !== null) return this.fail(error);
      if (this.isFinished) return;
      this.isFinished = true;
      this.options.finished();
    });
  }

  private pass(bytes: Uint8Array): void {
    const { length } = bytes;
    this.underWay += length;
    this.bytes += length;
    this.lengths.push(length);
    this.sink.write(bytes, this.passed);
  }

  /** The next write was passed on. One function for all of them: there is one for every 32 KiB. */
  private readonly passed = (error?: Error | null): void => {
    this.underWay -= this.lengths.shift() ?? 0;
    if (error !== undefined && error !== null) return this.fail(error);
    this.move();
  };

  private fail(error: Error): void {
    if (!this.isFinished) this.options.broken(error);
  }
}
