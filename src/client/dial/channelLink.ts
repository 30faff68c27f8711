/**
 * A link over a channel of another connection, for `via`.
 *
 * Owns: the translation of a channel's port into a link.
 * Must not know: who runs over it.
 */
import { messageAlone } from '../../base/addressed.ts';
import { SshError } from '../../base/errors.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from '../../io/link.ts';
import type { Through } from './hops.ts';

/** Bytes given to the channel ahead of its window before the writer is told to wait. */
const writeAhead = 256 * 1024;

/** Opens a TCP connection from the server that `through` is connected to, and runs over it. */
export function channelLink(through: Through, host: string, port: number): LinkOpener {
  return (receiver) => new ChannelLink(through, host, port, receiver);
}

class ChannelLink implements Link {
  private readonly through: Through;
  private readonly receiver: LinkReceiver;
  private readonly abort = new AbortController();
  private readonly pending: Uint8Array[] = [];
  private readonly address: LinkAddresses;
  private port: ChannelPort | undefined;
  private unsent = 0;
  private writing = false;
  private ending = false;
  private isClosed = false;

  constructor(through: Through, host: string, port: number, receiver: LinkReceiver) {
    this.through = through;
    this.receiver = receiver;
    this.address = { localAddress: undefined, localPort: undefined, remoteAddress: host, remotePort: port };
    through.client.openPort({ host, port }, { signal: this.abort.signal }).then(
      (opened) => this.opened(opened),
      (error: unknown) => {
        receiver.ended(notOpened(error, through));
        this.close();
      },
    );
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.ending) return false;
    this.pending.push(bytes);
    this.unsent += bytes.length;
    this.writeNext();
    return this.unsent < writeAhead;
  }

  unsentBytes(): number {
    return this.unsent;
  }

  writeBacklog(): number {
    return this.port?.channel.pendingBytes ?? this.unsent;
  }

  end(): void {
    this.ending = true;
    this.writeNext();
  }

  destroy(): void {
    this.abort.abort(
      new SshError('ERR_SSH_CLOSED', 'the connection through this channel ended', { origin: 'user' }),
    );
    this.port?.close();
    this.close();
  }

  addresses(): LinkAddresses {
    return this.address;
  }

  private opened(port: ChannelPort): void {
    if (this.isClosed) return port.close();
    this.port = port;
    const { receiver } = this;
    receiver.connected();
    const take = (): void => {
      for (let bytes = port.data.take(); bytes !== undefined; bytes = port.data.take())
        receiver.received(bytes);
    };
    port.data.listen({
      readable: take,
      ended: () => {
        take();
        receiver.ended(undefined);
      },
      failed: (error) => receiver.ended(error),
      aborted: (error) => receiver.ended(error),
    });
    port.extended.cancel();
    port.outbound.listen((error) => receiver.ended(error));
    void port.closed.then(() => this.close());
  }

  private writeNext(): void {
    const { port } = this;
    if (port === undefined || this.writing || this.isClosed) return;
    const bytes = this.pending.shift();
    if (bytes === undefined) {
      if (this.ending) port.outbound.end(() => {});
      return;
    }
    this.writing = true;
    port.outbound.write(bytes, (error) => {
      this.writing = false;
      this.unsent -= bytes.length;
      if (error !== undefined || this.isClosed) return;
      this.receiver.written();
      this.writeNext();
    });
  }

  /** A hop that was dialled for this link ends with it, and is a part of what has to be gone. */
  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { client, isOwned } = this.through;
    // Never from within a call to the link.
    if (!isOwned) return queueMicrotask(() => this.receiver.closed());
    if (this.ending) client.close().catch(() => {});
    else client.destroy();
    void client.closed.then(() => this.receiver.closed());
  }
}

/** The error of a hop that opened no connection, in words that name the hop. The hop may have ended by it as well. */
function notOpened(error: unknown, { client }: Through): Error {
  if (!(error instanceof SshError)) return error instanceof Error ? error : new Error(String(error));
  const { code, origin, waitingFor, elapsed, deadline, channelOpenReason } = error;
  const message = `no connection through ${client.inspect().target}: ${messageAlone(error)}`;
  const said = { origin, waitingFor, elapsed, deadline, channelOpenReason };
  // What a refused channel has to say is in the message.
  const cause = code === 'ERR_SSH_CHANNEL_OPEN_FAILED' ? undefined : error;
  return new SshError(code, message, { ...said, phase: 'connect', cause });
}
