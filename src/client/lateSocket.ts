/**
 * A socket over a channel that is still being opened.
 *
 * Owns: what is written before that. The socket breaks if the channel cannot be
 * opened, and gives up the channel if somebody destroys the socket first.
 * Must not know: what kind of channel it is, who uses the socket.
 */
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type {
  ByteSink,
  ByteSource,
  SocketStream,
  SourceListener,
  StreamFactory,
} from '../endpoint/streams.ts';
import type { TargetPlace } from '../forwarding/places.ts';

/** A socket that may be used at once. */
export interface LateSocket {
  readonly stream: SocketStream;
  /** Rejects with the error that the stream is destroyed with. Need not be handled. */
  readonly opened: Promise<void>;
}

/**
 * @param open opens the channel; the signal gives it up
 * @param place for `remoteAddress` and its like
 */
export function lateSocket(
  open: (signal: AbortSignal) => Promise<ChannelPort>,
  streams: StreamFactory,
  place: TargetPlace,
): LateSocket {
  const abort = new AbortController();
  const source = new LateSource(() => abort.abort());
  const sink = new LateSink();
  const stream = streams.socket(source, sink, place);
  const opened = open(abort.signal).then(
    (port) => {
      if (stream.destroyed) return port.close();
      // Connections carry data alone.
      port.extended.cancel();
      sink.opened(port.outbound);
      source.opened(port.data);
    },
    (error: unknown) => {
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  opened.catch(() => {});
  return { stream, opened };
}

class LateSource implements ByteSource {
  private readonly giveUp: () => void;
  private source: ByteSource | undefined;
  private listener: SourceListener | undefined;

  constructor(giveUp: () => void) {
    this.giveUp = giveUp;
  }

  listen(listener: SourceListener): void {
    this.listener = listener;
  }

  take(): Uint8Array | undefined {
    return this.source?.take();
  }

  cancel(): void {
    if (this.source === undefined) this.giveUp();
    else this.source.cancel();
  }

  opened(source: ByteSource): void {
    this.source = source;
    if (this.listener !== undefined) source.listen(this.listener);
  }
}

/** Its writer has one write under way, or the end. */
class LateSink implements ByteSink {
  private sink: ByteSink | undefined;
  private failed: ((error: Error) => void) | undefined;
  private held: ((sink: ByteSink) => void) | undefined;

  listen(failed: (error: Error) => void): void {
    this.failed = failed;
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.when((sink) => sink.write(bytes, done));
  }

  end(done: (error?: Error) => void): void {
    this.when((sink) => sink.end(done));
  }

  cancel(): void {
    this.held = undefined;
    this.sink?.cancel();
  }

  opened(sink: ByteSink): void {
    this.sink = sink;
    if (this.failed !== undefined) sink.listen(this.failed);
    this.held?.(sink);
    this.held = undefined;
  }

  private when(step: (sink: ByteSink) => void): void {
    if (this.sink === undefined) this.held = step;
    else step(this.sink);
  }
}
