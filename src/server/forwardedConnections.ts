/**
 * The connections that a server makes for its client (RFC 4254 §7.2).
 *
 * Owns: asking the application for each, within a deadline, and tying channel and
 * stream together: bytes, ends and faults.
 * Must not know: authentication, sessions, how a connection is made.
 */

import { optionsError } from '../base/optionChecks.ts';
import { askUser, tellUser } from '../endpoint/calls/userCode.ts';
import type { ChannelOpening } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { Duplex, StreamFactory } from '../endpoint/streams.ts';
import { checkTarget } from '../forwarding/places.ts';
import type { Driver } from '../io/driver.ts';
import { channelOpenFailureReasons, directTcpip } from '../message/channel.ts';
import type { ServerProtocol } from '../protocol/server.ts';
import type { OpenTcpRequest, ResolvedServerOptions } from './options.ts';

export interface ForwardedConnectionsParts {
  readonly streams: StreamFactory;
  readonly options: ResolvedServerOptions;
  readonly driver: Driver<ServerProtocol>;
  readonly username: () => string;
  readonly report: (error: unknown) => void;
}

export class ForwardedConnections {
  private readonly parts: ForwardedConnectionsParts;
  /** Where they lead. */
  private readonly places = new Set<Duplex>();
  /** Handlers that have not answered, those among them whose time is over. */
  private asking = 0;

  constructor(parts: ForwardedConnectionsParts) {
    this.parts = parts;
  }

  /** The connection that they belong to has ended. */
  ended(): void {
    for (const place of this.places) this.destroy(place);
  }

  /** Answers a client that wants one. */
  requested(opening: ChannelOpening): void {
    // What was said before an end may still be on its way to a place whose channel is gone.
    if (this.places.size + this.asking < this.parts.options.limits.channels) void this.open(opening);
    else opening.refuse(channelOpenFailureReasons.resourceShortage, 'too many forwarded connections');
  }

  /** Never rejects. */
  private async open(opening: ChannelOpening): Promise<void> {
    const { openTcp } = this.parts.options.given;
    const deadline = this.openDeadline(opening);
    this.asking++;
    try {
      const request = this.requestOf(opening);
      const stream = isReachable(request)
        ? checkedStream(await askUser('openTcp', () => openTcp?.(request)))
        : undefined;
      if (!deadline.met()) this.destroy(stream);
      else if (stream !== undefined) this.join(opening, stream);
      else opening.refuse(channelOpenFailureReasons.administrativelyProhibited, 'not allowed');
    } catch (error) {
      this.parts.report(error);
      if (deadline.met()) refuseFailed(opening);
    } finally {
      this.asking--;
    }
  }

  private requestOf({ data }: ChannelOpening): OpenTcpRequest {
    const fields = directTcpip.fromBytes(data);
    return {
      username: this.parts.username(),
      host: fields.hostToConnect,
      port: fields.portToConnect,
      originatorAddress: fields.originatorIpAddress,
      originatorPort: fields.originatorPort,
    };
  }

  /** A handler that opens no connection in time is answered for; `met` says whether it still was in time. */
  private openDeadline(opening: ChannelOpening): { readonly met: () => boolean } {
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
        opening.refuse(channelOpenFailureReasons.connectFailed, 'no connection in time');
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
  private join(opening: ChannelOpening, stream: Duplex): void {
    stream.on('error', () => {});
    // It tells nobody of its end any more.
    if (stream.destroyed) return refuseFailed(opening);
    const port = opening.accept();
    if (port === undefined) return this.destroy(stream);
    this.places.add(stream);
    try {
      this.tie(port, stream);
    } catch (error) {
      this.places.delete(stream);
      port.close();
      this.destroy(stream);
      throw error;
    }
  }

  private tie(port: ChannelPort, stream: Duplex): void {
    const ours = this.parts.streams.duplex(port.data, port.outbound);
    port.extended.cancel();
    ours.once('close', () => {
      port.close();
      afterWriting(stream, ours.readableEnded, () => this.destroy(stream));
    });
    stream.once('close', () => {
      this.places.delete(stream);
      afterWriting(ours, stream.readableEnded, () => ours.destroy());
    });
    ours.pipe(stream);
    stream.pipe(ours);
  }

  /** It is the application's, and may throw. */
  private destroy(stream: Duplex | undefined): void {
    tellUser(
      'destroy of what openTcp answered',
      () => void stream?.destroy(),
      (fault) => this.parts.report(fault),
    );
  }
}

/**
 * Whether there can be such a place. The system cuts a host off behind a NUL, so that a check of
 * how it ends would be about another host.
 */
function isReachable({ host, port }: OpenTcpRequest): boolean {
  try {
    checkTarget('the target', { host, port });
    return true;
  } catch {
    return false;
  }
}

function refuseFailed(opening: ChannelOpening): void {
  opening.refuse(channelOpenFailureReasons.connectFailed, 'the connection could not be opened');
}

/** What the handler answered, which may be anything in a program without types. */
function checkedStream(answer: Duplex | undefined): Duplex | undefined {
  if (answer === undefined) return undefined;
  const { pipe, write, destroy, on, once } = answer;
  if ([pipe, write, destroy, on, once].every((method) => typeof method === 'function')) return answer;
  throw optionsError('openTcp must answer with a duplex stream, or undefined to refuse');
}

/** Calls back once a stream has handed on what it was given, if its source ended in order; else at once. */
function afterWriting(stream: Duplex, inOrder: boolean, callback: () => void): void {
  if (inOrder && !stream.destroyed && !stream.writableFinished) stream.once('finish', callback);
  else callback();
}
