/**
 * One client of a server.
 *
 * Owns: the answers to the client's channel opens, channel requests and global
 * requests, and the processes and forwarded connections that come of them.
 * Must not know: how connections are accepted, sockets.
 */
import { SshError, type SshErrorPhase } from '../base/errors.ts';
import { WaitTable } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import type { PrivateKey } from '../crypto/keys/privateKey.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import { rejectionOf, tellUser } from '../endpoint/calls/userCode.ts';
import { Acceptors, type ChannelOpening } from '../endpoint/channels/acceptors.ts';
import { ChannelPorts } from '../endpoint/channels/channelPorts.ts';
import { EventRouter, type Hearing } from '../endpoint/channels/eventRouter.ts';
import { keysExchangedLine } from '../endpoint/debugLines.ts';
import type { EndpointPlatform } from '../endpoint/platform.ts';
import type { LocalNetwork } from '../forwarding/local.ts';
import { Driver } from '../io/driver.ts';
import type { LinkOpener } from '../io/link.ts';
import { type ConnectionSnapshot, checkSnapshotOptions, type SnapshotOptions } from '../io/snapshots.ts';
import { channelOpenFailureReasons, directTcpip } from '../message/channel.ts';
import { exec, shell, subsystem } from '../message/channelRequest.ts';
import { noMoreSessions } from '../message/globalRequest.ts';
import type { CoreSettings } from '../protocol/options.ts';
import { type ServerEvent, ServerProtocol } from '../protocol/server.ts';
import { ConnectionWork } from './admission/connectionWork.ts';
import type { KeyExchangeBudget } from './admission/keyExchangeBudget.ts';
import { ServerAuthenticator } from './authentication.ts';
import { ForwardedConnections } from './forwardedConnections.ts';
import { ServerForwarding } from './forwarding.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerSession } from './serverSession.ts';
import type { SubsystemWaits } from './sftpSubsystem.ts';

export interface ServerConnectionParts {
  readonly platform: EndpointPlatform & { readonly network: LocalNetwork };
  readonly options: ResolvedServerOptions;
  readonly provider: CryptoProvider;
  readonly hostKeys: readonly PrivateKey[];
  readonly budget: KeyExchangeBudget;
  /** Of all connections of the server. */
  readonly settings: CoreSettings;
  readonly open: LinkOpener;
  /** For reports. */
  readonly target: string;
  /** Told when its user is known. */
  readonly loggedIn: () => void;
}

/** A connection as a server's application may hold it. */
export class ServerConnection {
  /** Undefined until authentication is over. */
  username: string | undefined;
  private readonly parts: ServerConnectionParts;
  private readonly driver: Driver<ServerProtocol>;
  /** @internal */
  readonly authenticator: ServerAuthenticator;
  private readonly work: ConnectionWork;
  private readonly ports: ChannelPorts;
  private readonly sessions = new Map<Channel, ServerSession>();
  /** The client has said that it opens no more of them. */
  private sessionsOver = false;
  private readonly forwards: ForwardedConnections;

  /** @internal */
  constructor(parts: ServerConnectionParts) {
    const { platform, options } = parts;
    const waits = new WaitTable();
    const router = new EventRouter<ServerEvent>();
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
      router,
    );
    this.work = new ConnectionWork(parts.budget, parts.provider, parts.target);
    this.ports = new ChannelPorts(router, {
      door: this.driver,
      terminate: (core, channel) => core.connection.close(channel),
    });
    const acceptors = new Acceptors(router, this.driver, this.ports, {
      reasonCode: channelOpenFailureReasons.unknownChannelType,
      description: 'this server has no such channels',
    });
    acceptors.onChannel('session', (opening) => this.openSession(opening));
    acceptors.onRequest(noMoreSessions, (request) => {
      this.sessionsOver = true;
      request.reply(true);
    });
    this.forwards = new ForwardedConnections({
      streams: platform.streams,
      options,
      driver: this.driver,
      username: () => this.username ?? '',
      report: (error) => this.report(error),
    });
    if (options.given.openTcp !== undefined) {
      acceptors.onChannel(directTcpip.name, (opening) => this.forwards.requested(opening));
    }
    const { forwarding: functions } = options.given;
    if (functions !== undefined) {
      const { driver, ports } = this;
      new ServerForwarding({
        functions,
        network: platform.network,
        options,
        driver,
        router,
        acceptors,
        ports,
        username: () => this.username ?? '',
        report: (error) => this.report(error),
      });
    }
    router.subscribe<ServerConnection>(this, hearing);
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

  /** @internal */
  start(): void {
    this.driver.start();
  }

  /** Resolves with the cause when everything of the connection is freed. */
  get closed(): Promise<SshError> {
    return this.driver.over;
  }

  /** A look at the connection at this moment. */
  inspect(options: SnapshotOptions = {}): ConnectionSnapshot {
    checkSnapshotOptions(options);
    return this.driver.snapshot(options);
  }

  /** Ends the connection in order: what was written is sent first, within the `close` deadline. */
  async close(): Promise<void> {
    this.driver.close(closedError());
    await this.closed;
  }

  /** Ends the connection at once. */
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

  // What the router tells ------------------------------------------------------------

  /** @internal */
  serviceRequested(): void {
    const { banner } = this.parts.options.given;
    if (banner !== undefined) this.onCore((core) => core.banner(banner));
  }

  /** @internal */
  authenticated(username: string): void {
    this.username = username;
    this.work.refund(this.driver.now);
    this.parts.loggedIn();
  }

  /** @internal */
  channelClosed(channel: Channel): void {
    this.sessions.delete(channel);
  }

  /** @internal */
  ended(cause: SshError): void {
    this.authenticator.ended(cause);
    this.forwards.ended();
    this.sessions.clear();
  }

  private createCore(waits: WaitTable, now: number): ServerProtocol {
    const { options, provider, hostKeys, settings } = this.parts;
    const { preferences, limits, timeouts, keepAlive, rekey, identification, factors, loginTimeout } =
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
      methods: factors.first,
      onlyNamed: true,
      loginTimeout,
      admitKeyExchange: (work) => this.work.spend(work, this.driver.now),
    });
  }

  /** @internal */
  load(loaders: readonly (() => Promise<void>)[]): void {
    Promise.all(loaders.map((load) => load())).then(
      () => this.onCore((core) => core.algorithmsLoaded()),
      (error: unknown) => this.onCore((core) => core.fail(error)),
    );
  }

  private openSession(opening: ChannelOpening): void {
    const { platform, options } = this.parts;
    if (this.sessionsOver) {
      return opening.refuse(
        channelOpenFailureReasons.administrativelyProhibited,
        'this connection opens no sessions any more, as its client asked',
      );
    }
    if (this.sessions.size >= options.maxSessions) {
      return opening.refuse(
        channelOpenFailureReasons.resourceShortage,
        `${options.maxSessions} sessions are open, and no more allowed`,
      );
    }
    const port = opening.accept();
    if (port === undefined) return;
    // Clients have no stderr.
    port.extended.cancel();
    this.sessions.set(
      port.channel,
      new ServerSession({
        port,
        streams: platform.streams,
        username: this.username ?? '',
        options: options.given,
        report: (error) => this.report(error),
        limits: options.limits,
        identification: this.driver.core?.transport.remote?.text ?? '',
        waits: this.subsystemWaits,
        showSftp: (look) => this.driver.showSftp(look),
      }),
    );
  }

  private get subsystemWaits(): SubsystemWaits {
    const { driver } = this;
    const { request } = this.parts.options.timeouts;
    return {
      start: (detail, onExpire) =>
        driver.isLive
          ? driver.core?.waits.start('request', detail, driver.now, request, onExpire)
          : undefined,
      finish: (wait) => driver.core?.waits.finish(wait),
      timeoutError: (wait) =>
        driver.core?.timeoutError(wait) ??
        new SshError('ERR_SSH_TIMEOUT', `timed out waiting for ${wait.detail}`, { origin: 'deadline' }),
    };
  }

  /** @internal */
  channelRequest(event: ConnectionEvent & { type: 'channelRequest' }): void {
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

  private onCore(step: (core: ServerProtocol) => void): void {
    this.driver.quietly(step);
  }

  /** @internal */
  debug(line: string): void {
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

const hearing: Hearing<ServerConnection, ServerEvent> = {
  identified: (self, { remote }) => self.debug(`client is ${remote.text}`),
  keyExchanged: (self, event) => self.debug(`${keysExchangedLine(event)}, cause ${event.cause}`),
  request: (self, event) => self.authenticator.handle(event),
  serviceRequested: (self) => self.serviceRequested(),
  algorithmsWanted: (self, { loaders }) => self.load(loaders),
  authenticated: (self, { username }) => self.authenticated(username),
  channelClosed: (self, { channel }) => self.channelClosed(channel),
  channelRequest: (self, event) => self.channelRequest(event),
  ended: (self, { error }) => self.ended(error),
};

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
