/**
 * One client of a server.
 *
 * Owns: the answers to the client's channel opens, channel requests and global
 * requests, and the processes and forwarded connections that come of them.
 * Must not know: how connections are accepted, sockets.
 */
import { SshError } from '../base/errors.ts';
import { WaitTable } from '../base/waits.ts';
import { ChannelPort, type PortOwner } from '../client/channelPort.ts';
import { keysExchangedLine } from '../client/debugLines.ts';
import type { Platform } from '../client/platform.ts';
import type { Duplex } from '../client/streams.ts';
import type { Channel } from '../connection/channel.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import type { PrivateKey } from '../crypto/privateKey.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Driver } from '../io/driver.ts';
import type { EventTarget } from '../io/driverOptions.ts';
import type { LinkOpener } from '../io/link.ts';
import type { ConnectionSnapshot } from '../io/registry.ts';
import { channelOpenFailureReasons, directTcpip } from '../message/channel.ts';
import { exec, shell, subsystem } from '../message/channelRequest.ts';
import type { CoreSettings } from '../protocol/options.ts';
import { type ServerEvent, ServerProtocol } from '../protocol/server.ts';
import { ServerAuthenticator } from './authentication.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerSession } from './serverSession.ts';

export interface ServerConnectionParts {
  readonly platform: Platform;
  readonly options: ResolvedServerOptions;
  readonly provider: CryptoProvider;
  readonly hostKeys: readonly PrivateKey[];
  /** Of all connections of the server. */
  readonly settings: CoreSettings;
  readonly open: LinkOpener;
  /** For reports. */
  readonly target: string;
}

/** A connection as a server's application may hold it. */
export class ServerConnection implements EventTarget<ServerEvent>, PortOwner {
  /** Undefined until authentication is over. */
  username: string | undefined;
  private readonly parts: ServerConnectionParts;
  private readonly driver: Driver<ServerProtocol>;
  private readonly authenticator: ServerAuthenticator;
  private readonly ports = new Map<Channel, ChannelPort>();
  private readonly sessions = new Map<Channel, ServerSession>();
  /** Where forwarded connections lead. */
  private readonly places = new Set<Duplex>();

  constructor(parts: ServerConnectionParts) {
    const { platform, options } = parts;
    const waits = new WaitTable();
    this.parts = parts;
    this.driver = new Driver<ServerProtocol>(
      {
        clock: platform.clock,
        waits,
        timeouts: options.timeouts,
        open: parts.open,
        createCore: (now) => this.createCore(waits, now),
        role: 'server',
        target: parts.target,
        openedAt: undefined,
      },
      this,
    );
    this.authenticator = new ServerAuthenticator(
      options.given.authentication,
      (step) => this.onCore(step),
      (error) => this.report(error),
    );
  }

  start(): void {
    this.driver.start();
  }

  /** Resolves with the cause when everything of the connection is freed. */
  get closed(): Promise<SshError> {
    return this.driver.over;
  }

  inspect(): ConnectionSnapshot {
    return this.driver.snapshot();
  }

  async close(): Promise<void> {
    this.driver.close(closedError());
    await this.closed;
  }

  destroy(): void {
    this.driver.destroy(closedError());
  }

  // PortOwner -----------------------------------------------------------------------

  get isLive(): boolean {
    return this.driver.isLive;
  }

  act<T>(call: () => T): T {
    return this.driver.act(() => call());
  }

  closeChannel(channel: Channel): void {
    this.onCore((core) => core.connection.close(channel));
  }

  terminateChannel(channel: Channel): void {
    this.closeChannel(channel);
  }

  // EventTarget ---------------------------------------------------------------------

  handle(event: ServerEvent): void {
    switch (event.type) {
      case 'identified':
        return this.debug(`client is ${event.remote.text}`);
      case 'keyExchanged':
        return this.debug(`${keysExchangedLine(event)}, cause ${event.cause}`);
      case 'request':
        return this.authenticator.handle(event);
      case 'serviceRequested': {
        const { banner } = this.parts.options.given;
        if (banner !== undefined) this.onCore((core) => core.banner(banner));
        return;
      }
      case 'algorithmsWanted':
        return this.load(event.loaders);
      case 'authenticated':
        this.username = event.username;
        return;
      case 'channelOpenRequested':
        return this.openRequested(event);
      case 'channelReadable':
        return this.ports.get(event.channel)?.readable(event.stream);
      case 'channelEof':
        return this.ports.get(event.channel)?.eof();
      case 'channelDrained':
        return this.ports.get(event.channel)?.drained();
      case 'channelClosed':
        this.ports.get(event.channel)?.ended(undefined);
        this.ports.delete(event.channel);
        this.sessions.delete(event.channel);
        return;
      case 'channelRequest':
        return this.channelRequest(event);
      case 'globalRequest':
        if (event.wantReply) this.onCore((core) => core.connection.replyGlobal(false));
        return;
      default:
    }
  }

  ended(cause: SshError): void {
    this.authenticator.abandonDialogue(cause);
    for (const port of this.ports.values()) port.ended(cause);
    for (const place of this.places) place.destroy();
    this.ports.clear();
    this.sessions.clear();
  }

  private createCore(waits: WaitTable, now: number): ServerProtocol {
    const { options, provider, hostKeys, settings } = this.parts;
    const { preferences, limits, timeouts, keepAlive, rekey, identification, methods, loginTimeout } =
      options;
    return new ServerProtocol({
      settings,
      provider,
      preferences,
      limits,
      timeouts,
      keepAlive,
      rekey,
      identification,
      requireStrict: false,
      waits,
      now,
      hostKeys,
      methods,
      loginTimeout,
    });
  }

  private load(loaders: readonly (() => Promise<void>)[]): void {
    Promise.all(loaders.map((load) => load())).then(
      () => this.onCore((core) => core.algorithmsLoaded()),
      (error: unknown) => this.onCore((core) => core.fail(error)),
    );
  }

  private openRequested({
    channel,
    channelTypeData,
  }: ConnectionEvent & { type: 'channelOpenRequested' }): void {
    if (channel.type === 'session') {
      this.onCore((core) => core.connection.acceptOpen(channel));
      const port = this.portFor(channel);
      const { given } = this.parts.options;
      this.sessions.set(
        channel,
        new ServerSession({
          port,
          streams: this.parts.platform.streams,
          username: this.username ?? '',
          options: given,
          report: (error) => this.report(error),
        }),
      );
      return;
    }
    if (channel.type === directTcpip.name && this.parts.options.given.openTcp !== undefined) {
      void this.openTcp(channel, channelTypeData);
      return;
    }
    this.refuse(channel, channelOpenFailureReasons.unknownChannelType, 'this server has no such channels');
  }

  private async openTcp(channel: Channel, channelTypeData: Uint8Array): Promise<void> {
    const { openTcp } = this.parts.options.given;
    const deadline = this.openDeadline(channel);
    let stream: Duplex | undefined;
    try {
      const { hostToConnect, portToConnect, originatorIpAddress, originatorPort } =
        directTcpip.fromBytes(channelTypeData);
      stream = await openTcp?.({
        username: this.username ?? '',
        host: hostToConnect,
        port: portToConnect,
        originatorAddress: originatorIpAddress,
        originatorPort,
      });
    } catch (error) {
      this.report(error);
      if (!deadline.met()) return;
      return this.refuse(
        channel,
        channelOpenFailureReasons.connectFailed,
        'the connection could not be opened',
      );
    }
    if (!deadline.met()) stream?.destroy();
    else if (stream !== undefined) this.join(channel, stream);
    else this.refuse(channel, channelOpenFailureReasons.administrativelyProhibited, 'not allowed');
  }

  /** A handler that opens no connection in time is answered for; `met` says whether it still was in time. */
  private openDeadline(channel: Channel): { readonly met: () => boolean } {
    const { core } = this.driver;
    let over = core === undefined;
    const wait = core?.waits.start(
      'channelOpen',
      'openTcp, a handler of this server',
      this.driver.now,
      this.parts.options.timeouts.channelOpen,
      () => {
        over = true;
        core.waits.finish(wait);
        if (wait !== undefined) this.report(core.timeoutError(wait));
        this.refuse(channel, channelOpenFailureReasons.connectFailed, 'no connection in time');
      },
    );
    return {
      met: () => {
        core?.waits.finish(wait);
        return !over && this.driver.isLive;
      },
    };
  }

  /** Ties the channel and the stream to each other: bytes, ends and faults. What was said before an end is brought. */
  private join(channel: Channel, stream: Duplex): void {
    stream.on('error', () => {});
    this.places.add(stream);
    this.onCore((core) => core.connection.acceptOpen(channel));
    const port = this.portFor(channel);
    const ours = this.parts.platform.streams.duplex(port.data, port.outbound);
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

  private channelRequest(event: ConnectionEvent & { type: 'channelRequest' }): void {
    const { channel, requestType, wantReply, payload } = event;
    let taken = false;
    try {
      taken = this.sessions.get(channel)?.request(requestType, payload) ?? false;
    } catch (error) {
      return this.onCore((core) => core.fail(error));
    }
    if (wantReply) this.onCore(() => channel.reply(taken));
    if (taken) this.sessions.get(channel)?.begin();
    // A client that wants no answer would wait for ever for a process that never begins.
    else if (!wantReply && startsProcess(requestType)) this.ports.get(channel)?.close();
  }

  private portFor(channel: Channel): ChannelPort {
    const port = new ChannelPort(channel, this);
    this.ports.set(channel, port);
    return port;
  }

  private refuse(channel: Channel, reasonCode: number, description: string): void {
    this.onCore((core) => core.connection.refuseOpen(channel, reasonCode, description));
  }

  /** Runs a step unless the connection has ended; a fault of the step ends it. */
  private onCore(step: (core: ServerProtocol) => void): void {
    const { driver } = this;
    const { core } = driver;
    if (core === undefined || driver.cause !== undefined || core.cause !== undefined) return;
    core.at(driver.now);
    try {
      step(core);
    } catch (error) {
      core.fail(error);
    }
    driver.touch();
  }

  private debug(line: string): void {
    try {
      this.parts.options.given.onDebug?.(`${this.parts.target}: ${line}`);
    } catch (error) {
      this.report(error);
    }
  }

  private report(error: unknown): void {
    try {
      this.parts.options.given.onError?.(error);
    } catch {
      // The reporter's own fault has nobody left to be reported to.
    }
  }
}

/** Calls back once a stream has handed on what it was given, if its source ended in order; else at once. */
function afterWriting(stream: Duplex, inOrder: boolean, callback: () => void): void {
  if (inOrder && !stream.destroyed && !stream.writableFinished) stream.once('finish', callback);
  else callback();
}

/** RFC 4254 §6.5. */
function startsProcess(requestType: string): boolean {
  return requestType === exec.name || requestType === shell.name || requestType === subsystem.name;
}

function closedError(): SshError {
  return new SshError('ERR_SSH_CLOSED', 'the server closed the connection', {
    phase: 'close',
    origin: 'user',
  });
}
