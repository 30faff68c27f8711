/**
 * One client of a server.
 *
 * Owns: the answers to the client's channel opens, channel requests and global
 * requests, and the processes that come of them.
 * Must not know: how connections are accepted, sockets, where forwarded connections lead.
 */
import { SshError, type SshErrorPhase } from '../base/errors.ts';
import { WaitTable } from '../base/waits.ts';
import { ChannelPort, type PortOwner } from '../client/channelPort.ts';
import { keysExchangedLine } from '../client/debugLines.ts';
import type { Platform } from '../client/platform.ts';
import type { Channel } from '../connection/channel.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import type { PrivateKey } from '../crypto/privateKey.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { rejectionOf, tellUser } from '../endpoint/userCode.ts';
import { Driver } from '../io/driver.ts';
import type { EventTarget } from '../io/driverOptions.ts';
import type { LinkOpener } from '../io/link.ts';
import type { ConnectionSnapshot } from '../io/registry.ts';
import { channelOpenFailureReasons, directTcpip } from '../message/channel.ts';
import { exec, shell, subsystem } from '../message/channelRequest.ts';
import { type ServerEvent, ServerProtocol } from '../protocol/server.ts';
import { ServerAuthenticator } from './authentication.ts';
import { ConnectionWork } from './connectionWork.ts';
import { ForwardedConnections } from './forwardedConnections.ts';
import type { KeyExchangeBudget } from './keyExchangeBudget.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerSession } from './serverSession.ts';

export interface ServerConnectionParts {
  readonly platform: Platform;
  readonly options: ResolvedServerOptions;
  readonly provider: CryptoProvider;
  readonly hostKeys: readonly PrivateKey[];
  readonly budget: KeyExchangeBudget;
  readonly open: LinkOpener;
  /** For reports. */
  readonly target: string;
  /** Told when its user is known. */
  readonly loggedIn: () => void;
}

/** A connection as a server's application may hold it. */
export class ServerConnection implements EventTarget<ServerEvent>, PortOwner {
  /** Undefined until authentication is over. */
  username: string | undefined;
  private readonly parts: ServerConnectionParts;
  private readonly driver: Driver<ServerProtocol>;
  private readonly authenticator: ServerAuthenticator;
  private readonly work: ConnectionWork;
  private readonly ports = new Map<Channel, ChannelPort>();
  private readonly sessions = new Map<Channel, ServerSession>();
  private readonly forwards: ForwardedConnections;

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
    this.forwards = new ForwardedConnections({
      streams: platform.streams,
      options,
      driver: this.driver,
      username: () => this.username ?? '',
      accept: (channel) => {
        this.onCore((core) => core.connection.acceptOpen(channel));
        return this.portFor(channel);
      },
      refuse: (channel, reasonCode, description) => this.refuse(channel, reasonCode, description),
      report: (error) => this.report(error),
    });
    this.work = new ConnectionWork(parts.budget, parts.provider, parts.target);
    this.authenticator = new ServerAuthenticator({
      callbacks: options.given.authentication,
      factors: options.factors,
      from: parts.target,
      limits: options.limits,
      clock: platform.clock,
      failureDelay: options.failureDelay,
      onCore: (step) => this.onCore(step),
      onError: (error) => this.report(error),
    });
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

  /** Ends the connection at once, for a reason of the server. */
  drop(cause: SshError): void {
    this.driver.destroy(cause);
  }

  /** How far it is on its way to a login. */
  get progress(): number {
    return progressOf[this.driver.phase] ?? 0;
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

  addressed(error: SshError): SshError {
    return this.driver.addressed(error);
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
        this.work.refund(this.driver.now);
        this.parts.loggedIn();
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
        this.sessions.get(event.channel)?.closed();
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
    this.authenticator.ended(cause);
    for (const port of this.ports.values()) port.ended(cause);
    this.forwards.ended();
    this.ports.clear();
    this.sessions.clear();
  }

  private createCore(waits: WaitTable, now: number): ServerProtocol {
    const { options, provider, hostKeys } = this.parts;
    const { preferences, limits, timeouts, keepAlive, rekey, identification, factors, loginTimeout } =
      options;
    return new ServerProtocol({
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
      methods: factors.first,
      onlyNamed: true,
      loginTimeout,
      admitKeyExchange: (work) => this.work.spend(work, this.driver.now),
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
    const { options } = this.parts;
    const { resourceShortage, unknownChannelType } = channelOpenFailureReasons;
    if (channel.type === 'session') {
      if (this.sessions.size < options.maxSessions) return this.openSession(channel);
      return this.refuse(
        channel,
        resourceShortage,
        `${options.maxSessions} sessions are open, and no more allowed`,
      );
    }
    if (channel.type !== directTcpip.name || options.given.openTcp === undefined) {
      return this.refuse(channel, unknownChannelType, 'this server has no such channels');
    }
    // What was said before an end may still be on its way to a place whose channel is gone.
    if (this.forwards.size < options.limits.channels) void this.forwards.open(channel, channelTypeData);
    else this.refuse(channel, resourceShortage, 'too many forwarded connections');
  }

  private openSession(channel: Channel): void {
    this.onCore((core) => core.connection.acceptOpen(channel));
    const port = this.portFor(channel);
    // Clients have no stderr.
    port.extended.cancel();
    const session = new ServerSession({
      port,
      streams: this.parts.platform.streams,
      username: this.username ?? '',
      options: this.parts.options.given,
      report: (error) => this.report(error),
    });
    this.sessions.set(channel, session);
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
    const { options, target } = this.parts;
    const { onDebug } = options.given;
    if (onDebug === undefined) return;
    tellUser(
      'onDebug',
      () => onDebug(`${target}: ${line}`),
      (fault) => this.report(fault),
    );
  }

  private report(error: unknown): void {
    const { onError } = this.parts.options.given;
    // The reporter's own fault has nobody left to be reported to.
    tellUser(
      'onError',
      () => onError?.(rejectionOf(error)),
      () => {},
    );
  }
}

/** A client that is further has done more for it. */
const progressOf: { readonly [P in SshErrorPhase]?: number } = {
  connect: 0,
  identification: 0,
  keyExchange: 1,
  authentication: 2,
};

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
