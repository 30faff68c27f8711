/**
 * The connections that a server makes for its client (RFC 4254 §7.2).
 *
 * Owns: asking the application for each, within a deadline, and tying channel and
 * stream together: bytes, ends and faults.
 * Must not know: authentication, sessions, how a connection is made.
 */
import type { ChannelPort } from '../client/channelPort.ts';
import { optionsError } from '../client/optionErrors.ts';
import type { Duplex, StreamFactory } from '../client/streams.ts';
import type { Channel } from '../connection/channel.ts';
import { askUser } from '../endpoint/userCode.ts';
import type { Driver } from '../io/driver.ts';
import { channelOpenFailureReasons, directTcpip } from '../message/channel.ts';
import type { ServerProtocol } from '../protocol/server.ts';
import type { ResolvedServerOptions } from './options.ts';

export interface ForwardedConnectionsParts {
  readonly streams: StreamFactory;
  readonly options: ResolvedServerOptions;
  readonly driver: Driver<ServerProtocol>;
  readonly username: () => string;
  /** Confirms a channel. */
  readonly accept: (channel: Channel) => ChannelPort;
  readonly refuse: (channel: Channel, reasonCode: number, description: string) => void;
  readonly report: (error: unknown) => void;
}

export class ForwardedConnections {
  private readonly parts: ForwardedConnectionsParts;
  /** Where they lead. */
  private readonly places = new Set<Duplex>();

  constructor(parts: ForwardedConnectionsParts) {
    this.parts = parts;
  }

  /** Those that are not over; the channel of one may be gone while its last bytes are on their way. */
  get size(): number {
    return this.places.size;
  }

  /** The connection that they belong to has ended. */
  ended(): void {
    for (const place of this.places) place.destroy();
  }

  /** Answers a client that wants one. */
  async open(channel: Channel, channelTypeData: Uint8Array): Promise<void> {
    const { openTcp } = this.parts.options.given;
    const deadline = this.openDeadline(channel);
    let stream: Duplex | undefined;
    try {
      const { hostToConnect, portToConnect, originatorIpAddress, originatorPort } =
        directTcpip.fromBytes(channelTypeData);
      const request = {
        username: this.parts.username(),
        host: hostToConnect,
        port: portToConnect,
        originatorAddress: originatorIpAddress,
        originatorPort,
      };
      stream = checkedStream(await askUser('openTcp', () => openTcp?.(request)));
    } catch (error) {
      this.parts.report(error);
      if (!deadline.met()) return;
      return this.parts.refuse(
        channel,
        channelOpenFailureReasons.connectFailed,
        'the connection could not be opened',
      );
    }
    if (!deadline.met()) stream?.destroy();
    else if (stream !== undefined) this.join(channel, stream);
    else this.parts.refuse(channel, channelOpenFailureReasons.administrativelyProhibited, 'not allowed');
  }

  /** A handler that opens no connection in time is answered for; `met` says whether it still was in time. */
  private openDeadline(channel: Channel): { readonly met: () => boolean } {
    const { driver } = this.parts;
    const { core } = driver;
    let over = core === undefined;
    const wait = core?.waits.start(
      'channelOpen',
      'openTcp, a handler of this server',
      driver.now,
      this.parts.options.timeouts.channelOpen,
      () => {
        over = true;
        core.waits.finish(wait);
        if (wait !== undefined) this.parts.report(core.timeoutError(wait));
        this.parts.refuse(channel, channelOpenFailureReasons.connectFailed, 'no connection in time');
      },
    );
    return {
      met: () => {
        core?.waits.finish(wait);
        return !over && driver.isLive;
      },
    };
  }

  /** Ties the channel and the stream to each other: bytes, ends and faults. What was said before an end is brought. */
  private join(channel: Channel, stream: Duplex): void {
    stream.on('error', () => {});
    this.places.add(stream);
    const port = this.parts.accept(channel);
    const ours = this.parts.streams.duplex(port.data, port.outbound);
    port.extended.cancel();
    ours.once('close', () => {
      port.close();
      afterWriting(stream, ours.readableEnded, () => stream.destroy());
    });
    stream.once('close', () => {
      this.places.delete(stream);
      afterWriting(ours, stream.readableEnded, () => ours.destroy());
    });
    ours.pipe(stream);
    stream.pipe(ours);
  }
}

/** What the handler answered, which may be anything in a program without types. */
function checkedStream(answer: Duplex | undefined): Duplex | undefined {
  if (answer === undefined) return undefined;
  const { pipe, write, destroy } = answer;
  if ([pipe, write, destroy].every((method) => typeof method === 'function')) return answer;
  throw optionsError('openTcp must answer with a duplex stream, or undefined to refuse');
}

/** Calls back once a stream has handed on what it was given, if its source ended in order; else at once. */
function afterWriting(stream: Duplex, inOrder: boolean, callback: () => void): void {
  if (inOrder && !stream.destroyed && !stream.writableFinished) stream.once('finish', callback);
  else callback();
}
