/**
 * A channel as the code of either role holds it: sources and sinks of bytes.
 *
 * Owns: the pairing of a channel's two streams each way with those who consume
 * and produce them.
 * Must not know: what the channel is for.
 */
import { SshError } from '../../base/errors.ts';
import type { Channel } from '../../connection/channel.ts';
import type { ReceiveBuffer } from '../../connection/receiveBuffer.ts';
import { extendedDataTypes } from '../../message/channel.ts';
import type { AnyCore } from '../../protocol/core.ts';
import type { CallSite } from '../calls/callSite.ts';
import type { ByteSink, ByteSource, SourceListener } from '../streams.ts';
import type { CoreDoor } from './coreDoor.ts';

/** How a process is told to end: programs that read to the end of their input need no signal, which servers may refuse. */
export type Termination = 'signal' | 'end of input';

/** What the ports of a connection have in common. */
export interface PortConnection {
  /** The one way down: data, the window that is opened again, ends. */
  readonly door: CoreDoor;
  /** Ends the process on a channel that nobody waits for any more, and then the channel. */
  readonly terminate: (core: AnyCore, channel: Channel, by: Termination) => void;
}

/** Told that bytes were handed on, or why not. */
type Done = (error?: Error) => void;

export class ChannelPort {
  readonly channel: Channel;
  /** Both CLOSEs have passed, or the connection ended (then with its cause). */
  readonly closed: Promise<SshError | undefined>;
  readonly data: InboundSource;
  readonly extended: InboundSource;
  readonly outbound: OutboundSink;
  /** stderr of a server's process; a client has no use for it. */
  readonly outboundExtended: OutboundSink;
  /** The call whose streams it has: errors of the streams lead there. */
  openedBy: CallSite | undefined;
  readonly door: CoreDoor;
  private readonly connection: PortConnection;
  /** Told of writes that were not handed on yet, in their order. */
  private readonly writing: Done[] = [];
  /** Told once EOF was handed on. */
  private readonly ending: Done[] = [];
  private resolveClosed: (cause: SshError | undefined) => void = () => {};
  private isClosed = false;

  constructor(channel: Channel, connection: PortConnection) {
    this.channel = channel;
    this.connection = connection;
    this.door = connection.door;
    this.data = new InboundSource(this, 'data');
    this.extended = new InboundSource(this, 'extended');
    this.outbound = new OutboundSink(this, undefined);
    this.outboundExtended = new OutboundSink(this, extendedDataTypes.stderr);
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  get isLive(): boolean {
    return this.door.isLive;
  }

  act<T>(call: (channel: Channel) => T): T {
    return this.door.act(() => call(this.channel));
  }

  /** Closes the channel now, within the `close` deadline. */
  close(): void {
    if (!this.isClosed) this.door.quietly((core) => core.connection.close(this.channel));
  }

  /** Ends a process nobody waits for any more. */
  terminate(by: Termination = 'signal'): void {
    if (!this.isClosed) this.door.quietly((core) => this.connection.terminate(core, this.channel, by));
  }

  /** Terminates for a reason of this side: the streams, and everybody who waits for the end, get that error now. */
  fail(error: SshError): void {
    this.terminate();
    this.data.aborted(error);
    this.extended.aborted(error);
    this.ended(error);
  }

  /**
   * Nobody wants the channel any more once all that is read from it is
   * cancelled. A server's process may well read no more and still have its
   * status to tell.
   */
  closeIfUnwanted(): void {
    if (this.outboundExtended.attached) return;
    if (this.data.cancelled && (this.extended.cancelled || !this.extended.attached)) this.close();
  }

  write(bytes: Uint8Array, dataTypeCode: number | undefined, done: Done): void {
    this.act((channel) => channel.write(bytes, dataTypeCode));
    if (bytes.length > 0) this.writing.push(done);
    else done();
  }

  /**
   * EOF is the end of both outputs (RFC 4254 §5.3): it goes out behind the last
   * of them. One output that ends before the other has nothing to wait for.
   */
  finish(done: Done): void {
    const { outbound, outboundExtended } = this;
    const isLast = outbound.finished && (!outboundExtended.attached || outboundExtended.finished);
    if (this.isClosed || !this.isLive || !isLast || this.channel.eofSent) return done();
    this.ending.push(done);
    this.act((channel) => channel.eof());
  }

  // Told by the connection ------------------------------------------------------

  readable(stream: 'data' | 'extended'): void {
    this[stream].readable();
  }

  eof(): void {
    this.data.ended();
    this.extended.ended();
  }

  /** Writes were handed on, in the order in which they came, of whichever stream. */
  drained(): void {
    for (let count = this.channel.takeHandedOn(); count > 0; count--) this.writing.shift()?.();
    if (this.channel.eofSent) for (const done of this.ending.splice(0)) done();
  }

  /** `cause` where the connection ended under the channel, or this side gave it up. */
  ended(cause: SshError | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const broken = cause === undefined ? undefined : this.door.addressed(cause);
    if (broken !== undefined) this.openedBy?.leadTo(broken);
    const cut = broken ?? (this.channel.isStopped ? cutError() : undefined);
    if (cut === undefined) {
      this.data.ended();
      this.extended.ended();
    } else {
      this.data.failed(cut);
      this.extended.failed(cut);
    }
    let known = broken;
    const error = (): Error => {
      known ??= this.door.addressed(closedError());
      return known;
    };
    this.outbound.failed(error);
    this.outboundExtended.failed(error);
    for (const done of [...this.writing.splice(0), ...this.ending.splice(0)]) done(error());
    this.resolveClosed(broken);
  }
}

/** Made where somebody hears it: most channels end with nothing to tell, and an error costs its stack. */
function closedError(): SshError {
  return new SshError('ERR_SSH_CHANNEL_CLOSED', 'the peer closed the channel', { origin: 'peer' });
}

/** What came is not all that the peer had to say: no stream ends in order by that. */
function cutError(): SshError {
  return new SshError(
    'ERR_SSH_CHANNEL_CLOSED',
    'this side closed the channel before the peer had sent everything',
    { origin: 'user' },
  );
}

/** One inbound stream of a channel. */
class InboundSource implements ByteSource {
  cancelled = false;
  /** Somebody consumes it. */
  attached = false;
  private readonly port: ChannelPort;
  /** The channel's, and only the reader's once the channel is gone. */
  private readonly buffer: ReceiveBuffer;
  private listener: SourceListener | undefined;
  private isEnded = false;
  private error: Error | undefined;

  constructor(port: ChannelPort, stream: 'data' | 'extended') {
    this.port = port;
    this.buffer = port.channel[stream];
  }

  listen(listener: SourceListener): void {
    this.attached = true;
    this.listener = listener;
    if (this.buffer.length > 0) listener.readable();
    if (this.error !== undefined) listener.failed(this.error);
    else if (this.isEnded) listener.ended();
  }

  take(): Uint8Array | undefined {
    const piece = this.buffer.take();
    if (piece !== undefined) this.credit(piece.length);
    return piece;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.discard();
    if (!this.isEnded) this.port.closeIfUnwanted();
  }

  readable(): void {
    if (this.cancelled) this.discard();
    else this.listener?.readable();
  }

  ended(): void {
    if (this.isEnded || this.error !== undefined) return;
    this.isEnded = true;
    this.listener?.ended();
  }

  failed(error: Error): void {
    if (this.isEnded || this.error !== undefined) return;
    this.error = error;
    this.listener?.failed(error);
  }

  aborted(error: Error): void {
    if (this.isEnded || this.error !== undefined) return;
    this.error = error;
    this.buffer.clear();
    this.listener?.aborted(error);
  }

  private discard(): void {
    const dropped = this.buffer.clear();
    if (dropped > 0) this.credit(dropped);
  }

  /** Once the connection has ended there is no window to open, but what came is still the reader's. */
  private credit(length: number): void {
    if (this.port.isLive) this.port.act((channel) => channel.credit(length));
  }
}

/** The outbound stream of a channel. */
class OutboundSink implements ByteSink {
  private readonly port: ChannelPort;
  /** Undefined for CHANNEL_DATA. */
  private readonly dataTypeCode: number | undefined;
  /** Nothing more will be written. */
  finished = false;
  /** Somebody writes to it. */
  attached = false;
  private isCancelled = false;
  private underWay = 0;
  private failedListener: ((error: Error) => void) | undefined;
  private error: (() => Error) | undefined;

  constructor(port: ChannelPort, dataTypeCode: number | undefined) {
    this.port = port;
    this.dataTypeCode = dataTypeCode;
  }

  listen(failed: (error: Error) => void): void {
    this.attached = true;
    this.failedListener = failed;
    if (this.error !== undefined && !this.finished) failed(this.error());
  }

  write(bytes: Uint8Array, done: Done): void {
    if (this.error !== undefined) return done(this.error());
    this.underWay++;
    const handedOn: Done = (error) => {
      this.underWay--;
      if (!this.isCancelled) done(error);
    };
    try {
      this.port.write(bytes, this.dataTypeCode, handedOn);
    } catch (error) {
      handedOn(error instanceof Error ? error : new Error(String(error)));
    }
  }

  end(done: Done): void {
    this.finished = true;
    this.port.finish(done);
  }

  cancel(): void {
    this.isCancelled = true;
    if (this.finished) return;
    this.finished = true;
    this.port.finish(() => {});
  }

  /** Writes that are under way are told by the port. */
  failed(error: () => Error): void {
    if (this.error !== undefined) return;
    this.error = error;
    if (this.underWay === 0 && !this.finished) this.failedListener?.(error());
  }
}
