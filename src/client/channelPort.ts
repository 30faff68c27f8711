/**
 * A channel as the client's own code holds it: sources and a sink.
 *
 * Owns: the pairing of a channel's two inbound streams and its outbound one
 * with whoever consumes and produces them.
 * Must not know: what the channel is for.
 */
import { SshError } from '../base/errors.ts';
import type { Channel } from '../connection/channel.ts';
import type { ReceiveBuffer } from '../connection/receiveBuffer.ts';
import { extendedDataTypes } from '../message/channel.ts';
import type { ByteSink, ByteSource, SourceListener } from './streams.ts';

/** What a port asks of the connection. */
export interface PortOwner {
  /** The connection has not ended, or is about to. */
  readonly isLive: boolean;
  /** Runs a call on the core and sends what it brought about; throws the cause once the connection has ended. */
  act<T>(call: () => T): T;
  closeChannel(channel: Channel): void;
  /** Ends the process on the channel, and then the channel. */
  terminateChannel(channel: Channel): void;
}

export class ChannelPort {
  readonly channel: Channel;
  /** Both CLOSEs have passed, or the connection ended (then with its cause). */
  readonly closed: Promise<SshError | undefined>;
  readonly data: InboundSource;
  readonly extended: InboundSource;
  readonly outbound: OutboundSink;
  /** stderr of a server's process; a client has no use for it. */
  readonly outboundExtended: OutboundSink;
  private readonly owner: PortOwner;
  private resolveClosed: (cause: SshError | undefined) => void = () => {};
  private isClosed = false;

  constructor(channel: Channel, owner: PortOwner) {
    this.channel = channel;
    this.owner = owner;
    this.data = new InboundSource(this, 'data');
    this.extended = new InboundSource(this, 'extended');
    this.outbound = new OutboundSink(this, undefined);
    this.outboundExtended = new OutboundSink(this, extendedDataTypes.stderr);
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  get isLive(): boolean {
    return this.owner.isLive;
  }

  act<T>(call: (channel: Channel) => T): T {
    return this.owner.act(() => call(this.channel));
  }

  /** Closes the channel now, within the `close` deadline. */
  close(): void {
    if (!this.isClosed) this.owner.closeChannel(this.channel);
  }

  /** Ends a process nobody waits for any more. */
  terminate(): void {
    if (!this.isClosed) this.owner.terminateChannel(this.channel);
  }

  /** Terminates for a reason of this side: the streams and whoever waits for the end get that error now. */
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

  /** EOF is the end of both outputs (RFC 4254 §5.3): it goes out behind the last of them. */
  eofIfFinished(): void {
    const { outbound, outboundExtended } = this;
    if (this.isClosed || !this.isLive || !outbound.finished) return;
    if (outboundExtended.attached && !outboundExtended.finished) return;
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

  drained(): void {
    this.outbound.drained();
    this.outboundExtended.drained();
  }

  /** `cause` where the connection ended under the channel, or this side gave it up. */
  ended(cause: SshError | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const cut = cause ?? (this.channel.isCut ? cutError() : undefined);
    if (cut === undefined) {
      this.data.ended();
      this.extended.ended();
    } else {
      this.data.failed(cut);
      this.extended.failed(cut);
    }
    const error =
      cause ?? new SshError('ERR_SSH_CHANNEL_CLOSED', 'the peer closed the channel', { origin: 'peer' });
    this.outbound.failed(error);
    this.outboundExtended.failed(error);
    this.resolveClosed(cause);
  }
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
  private done: ((error?: Error) => void) | undefined;
  private failedListener: ((error: Error) => void) | undefined;
  private error: Error | undefined;

  constructor(port: ChannelPort, dataTypeCode: number | undefined) {
    this.port = port;
    this.dataTypeCode = dataTypeCode;
  }

  listen(failed: (error: Error) => void): void {
    this.attached = true;
    this.failedListener = failed;
    if (this.error !== undefined && !this.finished) failed(this.error);
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    if (this.error !== undefined) return done(this.error);
    this.done = done;
    try {
      this.port.act((channel) => channel.write(bytes, this.dataTypeCode));
    } catch (error) {
      this.settle(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (bytes.length === 0) this.settle(undefined);
  }

  end(done: (error?: Error) => void): void {
    this.finished = true;
    this.port.eofIfFinished();
    done();
  }

  cancel(): void {
    this.finished = true;
    this.done = undefined;
    this.port.eofIfFinished();
  }

  drained(): void {
    this.settle(undefined);
  }

  failed(error: Error): void {
    if (this.error !== undefined) return;
    this.error = error;
    if (this.done !== undefined) this.settle(error);
    else if (!this.finished) this.failedListener?.(error);
  }

  private settle(error: Error | undefined): void {
    const { done } = this;
    this.done = undefined;
    if (error === undefined) done?.();
    else done?.(error);
  }
}
