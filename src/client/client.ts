/**
 * The client as a user holds it.
 *
 * Owns: every call of the public API on a connection that is up.
 * Must not know: how a connection comes about (`connect.ts`), sockets.
 */
import { SshError } from '../base/errors.ts';
import { anyObject, checkArgument, checkOption, port as portRule } from '../base/optionChecks.ts';
import { abortError, onAbort } from '../endpoint/calls/abort.ts';
import type { CallScope } from '../endpoint/calls/callScope.ts';
import { CallSite } from '../endpoint/calls/callSite.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { TunnelAgent } from '../endpoint/httpAgent.ts';
import { lateCode } from '../endpoint/lateCode.ts';
import type { Duplex, SocketStream } from '../endpoint/streams.ts';
import type { Forward, ForwardOptions } from '../forwarding/forward.ts';
import type { RemoteHandler, SocksOptions } from '../forwarding/forwarding.ts';
import { checkTarget, type ListenPlace, type TargetPlace } from '../forwarding/places.ts';
import type { CommandKind } from '../io/registry.ts';
import { type ConnectionSnapshot, checkSnapshotOptions, type SnapshotOptions } from '../io/snapshots.ts';
import { directStreamlocal, directTcpip } from '../message/channel.ts';
import {
  env as envRequest,
  ptyReq,
  shell as shellRequest,
  subsystem as subsystemRequest,
} from '../message/channelRequest.ts';
import type { Sftp } from '../sftp/sftp.ts';
import type { AgentForwarding } from './agent/agentForwarding.ts';
import { agentError } from './agent/agentLink.ts';
import {
  type CallOptions,
  checkCallOptions,
  checkExecOptions,
  checkName,
  checkOpenStreamOptions,
  checkRunOptions,
  checkSessionOptions,
  checkShellOptions,
  type ExecOptions,
  type OpenStreamOptions,
  type RunOptions,
  type SessionOptions,
  type ShellOptions,
} from './callOptions.ts';
import { CommandNews } from './command/commandNews.ts';
import { channelStream, ExitCollector, type RefusedRequest, RemoteProcess } from './command/remoteProcess.ts';
import { execPayload, ptyPayload } from './command/requestPayloads.ts';
import { type RunResult, runToEnd, type StartedCommand } from './command/run.ts';
import type { Command } from './command/shellWords.ts';
import {
  beginSftp,
  type Dialled,
  refusedSftp,
  type SftpOptions,
  sftpCommand,
  TransferringClient,
} from './files/sftp.ts';
import { ClientForwarding, checkForwardOptions, checkSocksOptions, SessionHost } from './forwarding.ts';
import { type NegotiatedSummary, negotiatedBy } from './negotiated.ts';
import type { Session } from './session.ts';
import type { X11Forwarding } from './x11/forwarding.ts';

export type { NegotiatedSummary } from './negotiated.ts';

/** Takes a connection that came to a port of the server. */
export type ConnectionHandler = (
  stream: Duplex,
  from: { readonly address: string; readonly port: number },
) => void | Promise<void>;

/**
 * A connection that is up. Made by `connect`.
 *
 * @example
 * ```ts
 * import { connect } from 'deadline-ssh';
 * async function uptime(host: string): Promise<string> {
 *   const client = await connect({ host, username: 'ops' });
 *   try {
 *     return (await client.run('uptime', { timeout: 5_000 })).stdout;
 *   } finally {
 *     await client.close();
 *   }
 * }
 * ```
 */
export class Client extends TransferringClient {
  /** Undefined where there is no agent. */
  private readonly agentForwarding: AgentForwarding | undefined;
  /** Made for the first forward: most connections have none. */
  private madeForwarding: ClientForwarding | undefined;
  /** Made for the first display. */
  private x11: X11Forwarding | undefined;
  private closing: Promise<void> | undefined;

  constructor(session: Session, dialled: Dialled, agentForwarding: AgentForwarding | undefined) {
    super(session, dialled);
    this.agentForwarding = agentForwarding;
  }

  /**
   * Runs a command to its end and collects its output.
   *
   * @param command a line for the server's shell, or a program and its arguments, which are quoted for a POSIX shell
   * @throws SshError `ERR_SSH_TIMEOUT` the command took longer than `timeout` (it is sent TERM and its channel is closed);
   *   `ERR_SSH_MAX_BUFFER`; `ERR_SSH_ABORTED`; `ERR_SSH_REQUEST_FAILED` the server runs no commands;
   *   `ERR_SSH_CHANNEL_OPEN_FAILED` it opens no channel, or no more of them; `ERR_SSH_OPTIONS`; the cause of the end when
   *   the connection ended first. Once the command has started, `stdout` and `stderr` of the error are what it wrote
   *   until then. What `input`, `onStdout` or `onStderr` throw comes back as it is
   */
  run(
    command: Command,
    options: RunOptions<Uint8Array> & { readonly encoding: 'buffer' },
  ): Promise<RunResult<Uint8Array>>;
  run(command: Command, options?: RunOptions): Promise<RunResult>;
  run(
    command: Command,
    options: RunOptions | RunOptions<Uint8Array> = {},
  ): Promise<RunResult<string | Uint8Array>> {
    return this.call(Client.prototype.run, () => {
      checkRunOptions(options);
      return this.runToEnd(command, options);
    });
  }

  /** As `run`, for those in this library, who check the options: what a function of the user threw comes as an `SshError`. */
  runToEnd(command: Command, options: RunOptions): Promise<RunResult>;
  runToEnd(
    command: Command,
    options: RunOptions | RunOptions<Uint8Array>,
  ): Promise<RunResult<string | Uint8Array>>;
  async runToEnd(
    command: Command,
    options: RunOptions | RunOptions<Uint8Array>,
  ): Promise<RunResult<string | Uint8Array>> {
    const payload = execPayload(command, options.cwd);
    return this.scoped('command', 'the command to end', options, async (scope) => {
      const started = await this.start('exec', payload, options, scope);
      const wait = this.commandWait(started.port, 'command');
      try {
        return await runToEnd(started, options, scope, () => this.dialled.platform.pause());
      } finally {
        this.session.finishWait(wait);
      }
    });
  }

  /**
   * Starts a command. Its streams are the user's to read.
   *
   * @param command as for `run`
   * @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED`, `ERR_SSH_REQUEST_FAILED`, `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`,
   *   `ERR_SSH_OPTIONS`
   */
  exec(command: Command, options: ExecOptions = {}): Promise<RemoteProcess> {
    return this.call(Client.prototype.exec, (site) => {
      checkExecOptions(options);
      return this.startProcess('exec', execPayload(command, options.cwd), options, site);
    });
  }

  /** Starts the user's shell, on a terminal unless `pty` is false. Errors as `exec`. */
  shell(options: ShellOptions = {}): Promise<RemoteProcess> {
    return this.call(Client.prototype.shell, (site) => {
      checkShellOptions(options);
      const { env, signal, timeout, maxChannels, forwardAgent, x11, pty = true, ...terminal } = options;
      const settings = {
        ...{ env, signal, timeout, maxChannels, forwardAgent, x11 },
        pty: pty ? terminal : false,
      };
      return this.startProcess('shell', shellRequest.toBytes({}), settings, site);
    });
  }

  /**
   * As `exec`, and as `shell` where there is no command, for those in this library
   * who go on where the server refuses a terminal or the agent: `refused` names it.
   */
  startLenient(command: Command | undefined, options: ExecOptions): Promise<RemoteProcess> {
    return this.call(Client.prototype.startLenient, (site) =>
      command === undefined
        ? this.startProcess('shell', shellRequest.toBytes({}), options, site, true)
        : this.startProcess('exec', execPayload(command), options, site, true),
    );
  }

  /** @internal As `startLenient`, for a subsystem. */
  startSubsystem(name: string, options: ExecOptions): Promise<RemoteProcess> {
    return this.call(Client.prototype.startSubsystem, (site) => {
      checkName('the name of a subsystem', name);
      return this.startProcess(
        'subsystem',
        subsystemRequest.toBytes({ subsystemName: name }),
        options,
        site,
        true,
      );
    });
  }

  /** Starts a subsystem such as `sftp` or `netconf`. Errors as `exec`. */
  subsystem(name: string, options: SessionOptions = {}): Promise<Duplex> {
    return this.call(Client.prototype.subsystem, (site) => {
      checkName('the name of a subsystem', name);
      checkSessionOptions('subsystem', options);
      const { maxChannels } = options;
      return this.scoped('request', 'the subsystem to start', options, async (scope) => {
        const payload = subsystemRequest.toBytes({ subsystemName: name });
        const { port } = await this.start('subsystem', payload, { maxChannels }, scope);
        return this.streamOver(port, site);
      });
    });
  }

  /** Begins SFTP: files on the server, and transfers. Errors as `exec`, and `ERR_SSH_SFTP_PROTOCOL`. */
  sftp(options: SftpOptions = {}): Promise<Sftp> {
    return this.call(Client.prototype.sftp, () => {
      const { kind, payload, bounds, server } = sftpCommand(options);
      return this.scoped('request', 'SFTP to begin', bounds, async (scope) => {
        const { port } = await this.start(kind, payload, {}, scope).catch((error: unknown) => {
          throw refusedSftp(error, kind);
        });
        return scope.until(
          beginSftp(this.session, port, this.dialled, (line, signal) => this.run(line, { signal }), server),
        );
      });
    });
  }

  /**
   * Opens a TCP connection from the server (RFC 4254 §7.2).
   *
   * @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED` with the server's reason in `channelOpenReason`; else as `exec`
   */
  openTcp(host: string, port: number, options: OpenStreamOptions = {}): Promise<SocketStream> {
    return this.call(Client.prototype.openTcp, async (site) =>
      this.socketOver(await this.openTcpPort(host, port, options), site, { host, port }, options),
    );
  }

  /** As `openTcp`, for those in this library who need no stream. */
  async openTcpPort(host: string, port: number, options: OpenStreamOptions = {}): Promise<ChannelPort> {
    checkName('the host of openTcp', host);
    checkArgument('the port of openTcp', port, portRule);
    checkOpenStreamOptions('openTcp', options);
    const data = directTcpip.toBytes({
      hostToConnect: host,
      portToConnect: port,
      originatorIpAddress: '127.0.0.1',
      originatorPort: 0,
    });
    return this.scoped('channelOpen', 'a forwarded connection', options, (scope) =>
      scope.until(this.session.openChannel(directTcpip.name, data, scope)),
    );
  }

  /** Connects to a local socket on the server (OpenSSH PROTOCOL §2.4). Errors as `openTcp`. */
  openUnix(path: string, options: OpenStreamOptions = {}): Promise<SocketStream> {
    return this.call(Client.prototype.openUnix, async (site) => {
      checkName('the path of openUnix', path);
      checkOpenStreamOptions('openUnix', options);
      return this.socketOver(await this.openUnixPort(path, options), site, { path }, options);
    });
  }

  private openUnixPort(path: string, options: CallOptions): Promise<ChannelPort> {
    const data = directStreamlocal.toBytes({ socketPath: path, reservedString: '', reservedNumber: 0 });
    return this.scoped('channelOpen', 'a forwarded local socket', options, (scope) =>
      scope.until(this.session.openChannel(directStreamlocal.name, data, scope)),
    );
  }

  /** As `openTcp` or `openUnix`, for those in this library who need no stream. */
  openPlacePort(place: TargetPlace, options: CallOptions = {}): Promise<ChannelPort> {
    return place.path === undefined
      ? this.openTcpPort(place.host, place.port, options)
      : this.openUnixPort(place.path, options);
  }

  /** Whether calls can begin: the connection has not ended, and was not closed. */
  get isLive(): boolean {
    return this.session.isLive && !this.session.isGivenUp;
  }

  /**
   * An agent for `http.request` and `https.request`, and with its `dispatcher` for
   * `fetch`, whose connections the server makes.
   *
   * @param to where all of them lead: an address, or a unix socket of the server; where
   *   not given, to where each request goes, whose name the server looks up
   * @param options those of an `http.Agent`; `keepAlive` is on
   * @throws SshError `ERR_SSH_OPTIONS`; a request whose connection cannot be made fails as `openTcp`
   * @example
   * ```ts
   * import { get } from 'node:http';
   * import type { Client } from 'deadline-ssh';
   * function metrics(client: Client): void {
   *   const agent = client.httpAgent({ host: '10.0.0.7', port: 9100 });
   *   get('http://metrics.internal/metrics', { agent }, (answer) => answer.pipe(process.stdout));
   * }
   * ```
   */
  httpAgent(to?: TargetPlace, options: object = {}): TunnelAgent {
    const place = to === undefined ? undefined : checkTarget('to', to);
    checkOption('the options of httpAgent', options, anyObject);
    const site = new CallSite(Client.prototype.httpAgent);
    const open = async (host: string, port: number, signal: AbortSignal): Promise<Duplex> => {
      const there = place ?? { host, port };
      return this.socketOver(await this.openPlacePort(there, { signal }), site, there);
    };
    return this.dialled.platform.httpAgent(open, options);
  }

  /**
   * Listens on this machine, and connects each connection to a place that the
   * server reaches (RFC 4254 §7.2): `ssh -L`.
   *
   * @param from where to listen; `127.0.0.1` where no host is named
   * @param to where the server connects
   * @throws SshError `ERR_SSH_FORWARD` cannot listen there; `ERR_SSH_OPTIONS`, `ERR_SSH_LIMIT`, `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`
   * @example
   * ```ts
   * import type { Client } from 'deadline-ssh';
   * async function database(client: Client): Promise<void> {
   *   const forward = await client.forwardLocal({ port: 0 }, { host: 'db.internal', port: 5432 });
   *   console.log(`the database is at 127.0.0.1:${forward.address.port}`);
   * }
   * ```
   */
  async forwardLocal(from: ListenPlace, to: TargetPlace, options: ForwardOptions = {}): Promise<Forward> {
    return this.call(Client.prototype.forwardLocal, () => {
      checkForwardOptions('forwardLocal', options);
      return this.standing(options, () => this.forwarding.local(from, to, options));
    });
  }

  /**
   * Has the server listen, and connects each connection that comes there to a
   * place that this machine reaches, or gives it to a function (RFC 4254 §7.1): `ssh -R`.
   *
   * @throws SshError `ERR_SSH_FORWARD` the server does not listen there; else as `forwardLocal`
   */
  async forwardRemote(
    from: ListenPlace,
    to: TargetPlace | ConnectionHandler,
    options: ForwardOptions = {},
  ): Promise<Forward> {
    return this.call(Client.prototype.forwardRemote, () => {
      checkForwardOptions('forwardRemote', options);
      return this.standing(options, () => this.forwarding.remote(from, this.handlerOf(to), options));
    });
  }

  /**
   * Listens on this machine as a SOCKS proxy (4, 4a, 5); the server makes the
   * connections and looks up the names: `ssh -D`. Errors as `forwardLocal`.
   */
  async forwardSocks(from: ListenPlace, options: SocksOptions = {}): Promise<Forward> {
    return this.call(Client.prototype.forwardSocks, () => {
      checkSocksOptions('forwardSocks', options);
      return this.standing(options, () => this.forwarding.socks(from, options));
    });
  }

  /**
   * Has the server listen as a SOCKS proxy for what this machine reaches; say
   * with `permit` what that may be: `ssh -R port`. Errors as `forwardRemote`.
   */
  async forwardRemoteSocks(from: ListenPlace, options: SocksOptions = {}): Promise<Forward> {
    return this.call(Client.prototype.forwardRemoteSocks, () => {
      checkSocksOptions('forwardRemoteSocks', options);
      return this.standing(options, () => this.forwarding.remoteSocks(from, options));
    });
  }

  /** The forwards that stand. */
  get forwards(): readonly Forward[] {
    return this.madeForwarding?.list() ?? [];
  }

  /**
   * Asks the server to open no further sessions on this connection, so that nobody
   * who gets hold of it can run commands (OpenSSH PROTOCOL §2.2). Forwards go on; what
   * needs a session, such as `run` or `sftp`, rejects with `ERR_SSH_CLOSED` from now on.
   * Servers that do not know the request ignore it.
   */
  noMoreSessions(): void {
    this.session.noMoreSessions();
  }

  /**
   * Asks the server for a sign of life.
   *
   * @returns milliseconds to the answer
   * @throws SshError `ERR_SSH_TIMEOUT` after the `request` timeout
   */
  ping(options: CallOptions = {}): Promise<number> {
    return this.call(Client.prototype.ping, () => {
      checkCallOptions('ping', options);
      return this.scoped('request', 'the answer to a ping', options, async (scope) => {
        const { driver } = this.session;
        const start = driver.now;
        await scope.until(this.session.globalRequest('keepalive@openssh.com', new Uint8Array(0)));
        return driver.now - start;
      });
    });
  }

  /** Agrees on new keys (RFC 4253 §9); resolves when they are in use in both directions. */
  rekey(options: CallOptions = {}): Promise<void> {
    return this.call(Client.prototype.rekey, () => {
      checkCallOptions('rekey', options);
      return this.scoped('keyExchange', 'new keys', options, (scope) => scope.until(this.session.rekey()));
    });
  }

  /** What the connection is doing and waiting for, at this moment. */
  inspect(options: SnapshotOptions = {}): ConnectionSnapshot {
    checkSnapshotOptions(options);
    return this.session.snapshot(options);
  }

  /** What the last key exchange agreed on. */
  get negotiated(): NegotiatedSummary {
    return negotiatedBy(this.session.core.transport);
  }

  /**
   * Resolves, never rejects, when the connection is over and everything of it
   * is freed, with the cause: `ERR_SSH_CLOSED` where this side closed it.
   */
  get closed(): Promise<SshError> {
    return this.session.closed;
  }

  /**
   * Sends what was written, says goodbye and frees everything, within twice the
   * `close` timeout. What still runs rejects with `ERR_SSH_CLOSED`.
   *
   * @throws SshError what was written could not all be sent: `ERR_SSH_TIMEOUT` where the
   *   peer did not take it in time, else the cause of the connection's end
   */
  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private closeOnce(): Promise<void> {
    const cause = closedError('the connection was closed');
    const hasUnsent = this.session.close(cause);
    const over = this.closed.then((end) => {
      if (hasUnsent && end !== cause && end.code !== 'ERR_SSH_CLOSED') throw end;
    });
    // Who does not wait for it need not handle it.
    over.catch(() => {});
    return over;
  }

  /** Frees everything at once, without a goodbye. What still runs rejects with `ERR_SSH_CLOSED`. */
  destroy(): void {
    this.session.destroy(closedError('the connection was destroyed'));
  }

  /** As `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private streamOver(port: ChannelPort, site: CallSite): Duplex {
    port.openedBy = site.asText();
    return channelStream(port, this.dialled.platform.streams);
  }

  private socketOver(
    port: ChannelPort,
    site: CallSite,
    place: TargetPlace,
    { allowHalfOpen = true }: OpenStreamOptions = {},
  ): SocketStream {
    port.openedBy = site.asText();
    // Connections carry data alone.
    port.extended.cancel();
    const stream = this.dialled.platform.streams.socket(port.data, port.outbound, place);
    stream.allowHalfOpen = allowHalfOpen;
    return stream;
  }

  // The common start of processes ------------------------------------------------------

  private startProcess(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    site: CallSite,
    isLenient: boolean = false,
  ): Promise<RemoteProcess> {
    return this.scoped('request', `the ${kind} to start`, options, async (scope) => {
      const { port, exit, refusedEnv, refused } = await this.start(kind, payload, options, scope, isLenient);
      port.openedBy = site.asText();
      if (options.signal !== undefined) failOnAbort(port, options.signal);
      return new RemoteProcess({
        port,
        streams: this.dialled.platform.streams,
        exit,
        refusedEnv,
        refused,
        commandWait: this.commandWait(port, kind),
        finishWait: (wait) => this.session.finishWait(wait),
      });
    });
  }

  /** Opens a session channel and sends all requests at once: their answers come in order (RFC 4254 §5.4). */
  private async start(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    scope: CallScope,
    isLenient: boolean = false,
  ): Promise<StartedCommand> {
    const news = new CommandNews(this.session.driver, kind);
    try {
      const started = await this.request(kind, payload, options, scope, isLenient);
      void started.port.closed.then((cause) => news.ended(cause, started.exit.result));
      return started;
    } catch (error) {
      news.failed();
      throw error;
    }
  }

  private async request(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    scope: CallScope,
    isLenient: boolean,
  ): Promise<StartedCommand> {
    const { session } = this;
    this.checkLengths(kind, payload, options);
    const { maxChannels = this.dialled.options.maxChannels, x11 = false } = options;
    // A call without a display asks for its channel at once, in the order of the calls.
    const display = x11 === false ? undefined : await scope.until(this.displayOf(x11));
    const port = await scope.until(session.openSession(scope, maxChannels));
    scope.onCancel(() => port.terminate());
    const exit = new ExitCollector();
    session.collectExit(port, exit);
    try {
      const refusedEnv: string[] = [];
      const refused: RefusedRequest[] = [];
      const pending: Promise<void>[] = [];
      const want = (what: RefusedRequest, request: Promise<void>): void => {
        pending.push(isLenient ? request.catch((error) => noteRefused(error, what, refused)) : request);
      };
      if (options.pty !== undefined && options.pty !== false) {
        const terminal = ptyPayload(options.pty === true ? {} : options.pty);
        want('terminal', session.request(port, ptyReq.name, terminal));
      }
      if (options.forwardAgent === true) want('agent', this.forwardAgent(port));
      if (display !== undefined) want('x11', display(port));
      for (const [variableName, variableValue] of Object.entries(options.env ?? {})) {
        if (variableValue === undefined) continue;
        const request = session.request(
          port,
          envRequest.name,
          envRequest.toBytes({ variableName, variableValue }),
        );
        pending.push(request.catch((error) => noteRefused(error, variableName, refusedEnv)));
      }
      pending.push(session.request(port, kind, payload));
      await scope.until(Promise.all(pending));
      return { port, exit, refusedEnv, refused };
    } catch (error) {
      port.close();
      throw error;
    }
  }

  /** What is asked of a server for a display; known before the first request goes out. */
  private async displayOf(
    x11: true | Exclude<ExecOptions['x11'], boolean | undefined>,
  ): Promise<(port: ChannelPort) => Promise<void>> {
    const { session, dialled } = this;
    const { platform, options } = dialled;
    const { prepareX11 } = await lateCode('X11', () => import('./x11/prepare.ts'));
    const { display, cookie, acceptFor, randomBytes } = await prepareX11(platform, x11 === true ? {} : x11);
    const { limits, timeouts } = options;
    const { X11Forwarding } = await lateCode('X11', () => import('./x11/forwarding.ts'));
    this.x11 ??= new X11Forwarding({
      host: new SessionHost({ session, network: platform.network, limits, timeouts }),
      randomBytes,
      request: (port, requestType, payload) => session.request(port, requestType, payload),
    });
    const forwarding = this.x11;
    return (port) => forwarding.forward(port, display, cookie, acceptFor);
  }

  private async forwardAgent(port: ChannelPort): Promise<void> {
    if (this.agentForwarding === undefined) throw agentError('there is no agent to forward');
    await this.agentForwarding.forward(port);
  }

  /** A forward that comes too late for its call is closed again. */
  private async standing(options: CallOptions, make: () => Promise<Forward>): Promise<Forward> {
    return this.scoped('request', 'the forward to stand', options, (scope) => {
      const made = make();
      scope.onCancel(() => {
        made.then(
          (forward) => void forward.close(),
          () => {},
        );
      });
      return scope.until(made);
    });
  }

  private get forwarding(): ClientForwarding {
    const { session, dialled } = this;
    const { limits, timeouts } = dialled.options;
    this.madeForwarding ??= new ClientForwarding({
      session,
      network: dialled.platform.network,
      limits,
      timeouts,
    });
    return this.madeForwarding;
  }

  private handlerOf(to: TargetPlace | ConnectionHandler): TargetPlace | RemoteHandler {
    if (typeof to !== 'function') return to;
    return async (arrived) => {
      const { peer } = arrived;
      const port = arrived.accept();
      if (port !== undefined) await to(channelStream(port, this.dialled.platform.streams), peer);
    };
  }

  /** Before anything is sent: what fits in no packet is this call's fault and nobody else's. */
  private checkLengths(kind: CommandKind, payload: Uint8Array, { pty, env = {} }: ExecOptions): void {
    const { session } = this;
    session.checkRequest(kind, payload);
    if (typeof pty === 'object') session.checkRequest(ptyReq.name, ptyPayload(pty));
    for (const [variableName, variableValue] of Object.entries(env)) {
      if (variableValue === undefined) continue;
      session.checkRequest(envRequest.name, envRequest.toBytes({ variableName, variableValue }));
    }
  }

  /** A process may run for ever; its wait is in the table of waits, guarded by keep-alive. */
  private commandWait(port: ChannelPort, kind: string): ReturnType<Session['startWait']> {
    const detail = `the ${kind} on channel ${port.channel.localId} to end (guarded by keep-alive)`;
    return this.session.startWait('command', detail, Number.POSITIVE_INFINITY);
  }

  private async scoped<T>(
    name: 'command' | 'request' | 'channelOpen' | 'keyExchange',
    detail: string,
    options: CallOptions,
    call: (scope: CallScope) => Promise<T>,
  ): Promise<T> {
    const { timeout = Number.POSITIVE_INFINITY, signal } = options;
    const scope = this.session.scope({ name, detail, timeout, signal });
    try {
      return await call(scope);
    } finally {
      scope.end();
    }
  }
}

/** An abort after the start ends the process as an abort before it ends the call. */
function failOnAbort(port: ChannelPort, signal: AbortSignal): void {
  const stopListening = onAbort(signal, () => port.fail(abortError(signal)));
  void port.closed.then(stopListening);
}

function noteRefused<Name extends string>(error: unknown, name: Name, refused: Name[]): void {
  if (!(error instanceof SshError) || error.code !== 'ERR_SSH_REQUEST_FAILED') throw error;
  refused.push(name);
}

function closedError(message: string): SshError {
  return new SshError('ERR_SSH_CLOSED', message, { phase: 'close', origin: 'user' });
}
