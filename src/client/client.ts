/**
 * The client as a user holds it.
 *
 * Owns: every call of the public API on a connection that is up.
 * Must not know: how a connection is made (`connect.ts`), sockets.
 */
import { SshError } from '../base/errors.ts';
import { anyObject, checkArgument, checkOption, port as portRule } from '../base/optionChecks.ts';
import { CallSite, type PublicFunction } from '../endpoint/calls/callSite.ts';
import { publicCall } from '../endpoint/calls/publicCall.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { TunnelAgent } from '../endpoint/httpAgent.ts';
import type { Duplex, SocketStream } from '../endpoint/streams.ts';
import type { Forward, ForwardOptions } from '../forwarding/forward.ts';
import type { RemoteHandler, SocksOptions } from '../forwarding/forwarding.ts';
import type { CancellableCall } from '../forwarding/host.ts';
import { checkTarget, type ListenPlace, type TargetPlace } from '../forwarding/places.ts';
import { type ConnectionSnapshot, checkSnapshotOptions, type SnapshotOptions } from '../io/snapshots.ts';
import { shell as shellRequest, subsystem as subsystemRequest } from '../message/channelRequest.ts';
import type { RemotePath } from '../sftp/files/paths.ts';
import type { LocalPath } from '../sftp/seam/localFiles.ts';
import type { Sftp } from '../sftp/sftp.ts';
import type { WritableTarget } from '../sftp/transfer/get.ts';
import type { TransferOptions } from '../sftp/transfer/options.ts';
import type { UploadSource } from '../sftp/transfer/put.ts';
import type { TransferResult } from '../sftp/transfer/result.ts';
import type { AgentForwarding } from './agent/agentForwarding.ts';
import { agentConnections } from './agentConnections.ts';
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
import { Commands } from './command/commands.ts';
import { channelStream, type RemoteProcess } from './command/remoteProcess.ts';
import { execPayload } from './command/requestPayloads.ts';
import type { RunResult } from './command/run.ts';
import type { Command } from './command/shellWords.ts';
import type { Dialled } from './dialled.ts';
import { directSocket, openDirect } from './directChannels.ts';
import { openSftp, overSftp, type SftpOptions } from './files/sftp.ts';
import { ClientForwarding, checkForwardOptions, checkSocksOptions } from './forwarding.ts';
import { type NegotiatedSummary, negotiatedBy } from './negotiated.ts';
import type { Session } from './session.ts';

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
export class Client {
  private readonly session: Session;
  private readonly dialled: Dialled;
  private readonly commands: Commands;
  /** Made for the first forward: most connections have none. */
  private madeForwarding: ClientForwarding | undefined;
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(session: Session, dialled: Dialled, agentForwarding: AgentForwarding | undefined) {
    this.session = session;
    this.dialled = dialled;
    this.commands = new Commands(session, dialled, agentForwarding);
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
      return this.commands.run(command, options);
    });
  }

  /** @internal As `run`, of options that are checked: what a function of the user threw comes as an `SshError`. */
  runToEnd(command: Command, options: RunOptions): Promise<RunResult> {
    return this.commands.run(command, options);
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
      return this.commands.process('exec', execPayload(command, options.cwd), options, site);
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
      return this.commands.process('shell', shellRequest.toBytes({}), settings, site);
    });
  }

  /**
   * @internal As `exec`, and as `shell` where there is no command, for those who go on
   * where the server refuses a terminal or the agent: `refused` names it.
   */
  startLenient(command: Command | undefined, options: ExecOptions): Promise<RemoteProcess> {
    const { commands } = this;
    return this.call(Client.prototype.startLenient, (site) =>
      command === undefined
        ? commands.process('shell', shellRequest.toBytes({}), options, site, 'tell')
        : commands.process('exec', execPayload(command), options, site, 'tell'),
    );
  }

  /** @internal As `startLenient`, for a subsystem. */
  startSubsystem(subsystemName: string, options: ExecOptions): Promise<RemoteProcess> {
    return this.call(Client.prototype.startSubsystem, (site) => {
      checkName('the name of a subsystem', subsystemName);
      const payload = subsystemRequest.toBytes({ subsystemName });
      return this.commands.process('subsystem', payload, options, site, 'tell');
    });
  }

  /** Starts a subsystem such as `sftp` or `netconf`. Errors as `exec`. */
  subsystem(name: string, options: SessionOptions = {}): Promise<Duplex> {
    return this.call(Client.prototype.subsystem, (site) => {
      checkName('the name of a subsystem', name);
      checkSessionOptions('subsystem', options);
      const { maxChannels } = options;
      return this.session.scoped('request', 'the subsystem to start', options, async (scope) => {
        const payload = subsystemRequest.toBytes({ subsystemName: name });
        const { port } = await this.commands.start('subsystem', payload, { maxChannels }, scope);
        port.openedBy = site.asText();
        return channelStream(port, this.dialled.platform.streams);
      });
    });
  }

  /** Begins SFTP: files on the server, and transfers. Errors as `exec`, and `ERR_SSH_SFTP_PROTOCOL`. */
  sftp(options: SftpOptions = {}): Promise<Sftp> {
    const { session, dialled, commands } = this;
    return this.call(Client.prototype.sftp, () =>
      openSftp({ session, dialled, commands, run: (line, signal) => this.run(line, { signal }) }, options),
    );
  }

  /** Sends one file, or with `recursive` a folder, over an SFTP session of its own. As `Sftp.put`. */
  put(local: UploadSource, remote: RemotePath, options: TransferOptions = {}): Promise<TransferResult> {
    return this.call(Client.prototype.put, () =>
      this.overSftp(options, (sftp, within) => sftp.putWithin(local, remote, within)),
    );
  }

  /** Brings one file here, or with `recursive` a folder, over an SFTP session of its own. As `Sftp.get`. */
  get(
    remote: RemotePath,
    local: LocalPath | WritableTarget,
    options: TransferOptions = {},
  ): Promise<TransferResult> {
    return this.call(Client.prototype.get, () =>
      this.overSftp(options, (sftp, within) => sftp.getWithin(remote, local, within)),
    );
  }

  /**
   * Opens a TCP connection from the server (RFC 4254 §7.2).
   *
   * @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED` with the server's reason in `channelOpenReason`; else as `exec`
   */
  openTcp(host: string, port: number, options: OpenStreamOptions = {}): Promise<SocketStream> {
    return this.call(Client.prototype.openTcp, async (site) => {
      checkName('the host of openTcp', host);
      checkArgument('the port of openTcp', port, portRule);
      checkOpenStreamOptions('openTcp', options);
      return this.openSocket({ host, port }, options, site);
    });
  }

  /** Connects to a local socket on the server (OpenSSH PROTOCOL §2.4). Errors as `openTcp`. */
  openUnix(path: string, options: OpenStreamOptions = {}): Promise<SocketStream> {
    return this.call(Client.prototype.openUnix, async (site) => {
      checkName('the path of openUnix', path);
      checkOpenStreamOptions('openUnix', options);
      return this.openSocket({ path }, options, site);
    });
  }

  /** @internal As `openTcp` or `openUnix`, of a place that is checked, for those who need no stream. */
  openPort(place: TargetPlace, options: CallOptions = {}): Promise<ChannelPort> {
    return openDirect(this.session, place, options);
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
    const { session, dialled } = this;
    const parts = { session, platform: dialled.platform, timeouts: dialled.options.timeouts, place };
    const open = agentConnections(parts, new CallSite(Client.prototype.httpAgent));
    return dialled.platform.httpAgent(open, options);
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
      return this.standing(options, (call) =>
        this.forwarding.remote(from, this.handlerOf(to), options, call),
      );
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
      return this.standing(options, (call) => this.forwarding.remoteSocks(from, options, call));
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
      return this.session.scoped('request', 'the answer to a ping', options, async (scope) => {
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
      return this.session.scoped('keyExchange', 'new keys', options, (scope) =>
        scope.until(this.session.rekey()),
      );
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

  /** What every call of a user's goes through. */
  private call<T>(calledAs: PublicFunction, work: (site: CallSite) => Promise<T>): Promise<T> {
    const { session } = this;
    const site = new CallSite(calledAs);
    const known = {
      site,
      addressed: (error: SshError) => session.addressed(error),
      isGivenUp: () => session.isGivenUp,
    };
    return publicCall(known, () => work(site));
  }

  private overSftp<T>(
    options: TransferOptions,
    step: (sftp: Sftp, options: TransferOptions) => Promise<T>,
  ): Promise<T> {
    return overSftp(this.session, (signal) => this.sftp({ signal }), options, step);
  }

  private async openSocket(
    place: TargetPlace,
    options: OpenStreamOptions,
    site: CallSite,
  ): Promise<SocketStream> {
    const port = await this.openPort(place, options);
    port.openedBy = site.asText();
    return directSocket(port, this.dialled.platform.streams, place, options);
  }

  /** A forward that comes too late for its call is closed again. */
  private async standing(
    options: CallOptions,
    make: (call: CancellableCall) => Promise<Forward>,
  ): Promise<Forward> {
    return this.session.scoped('request', 'the forward to stand', options, (scope) => {
      const made = make(scope);
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
}

function closedError(message: string): SshError {
  return new SshError('ERR_SSH_CLOSED', message, { phase: 'close', origin: 'user' });
}
