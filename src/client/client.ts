/**
 * The client as a user holds it.
 *
 * Owns: every call of the public API on a connection that is up.
 * Must not know: how a connection comes about (`connect.ts`), sockets.
 */
import { SshError } from '../base/errors.ts';
import { checkArgument, port as portRule } from '../base/optionChecks.ts';
import { kexMethods } from '../crypto/algorithms.ts';
import type { CommandKind, ConnectionSnapshot } from '../io/registry.ts';
import { directStreamlocal, directTcpip } from '../message/channel.ts';
import {
  env as envRequest,
  ptyReq,
  shell as shellRequest,
  subsystem as subsystemRequest,
} from '../message/channelRequest.ts';
import { abortError, onAbort } from './abort.ts';
import {
  type CallOptions,
  checkCallOptions,
  checkExecOptions,
  checkName,
  checkRunOptions,
  checkSessionOptions,
  checkShellOptions,
  type ExecOptions,
  type RunOptions,
  type SessionOptions,
  type ShellOptions,
} from './callOptions.ts';
import type { CallScope } from './callScope.ts';
import type { ChannelPort } from './channelPort.ts';
import { CommandNews } from './commandNews.ts';
import type { Platform } from './platform.ts';
import { channelStream, ExitCollector, RemoteProcess } from './remoteProcess.ts';
import { execPayload, ptyPayload } from './requestPayloads.ts';
import { type RunResult, runToEnd, type StartedCommand } from './run.ts';
import type { Session } from './session.ts';
import type { Command } from './shellWords.ts';
import type { Duplex } from './streams.ts';

/** What the last key exchange agreed on. */
export interface NegotiatedSummary {
  readonly kex: string;
  readonly hostKey: string;
  readonly cipher: { readonly clientToServer: string; readonly serverToClient: string };
  /** Undefined where the cipher authenticates by itself. */
  readonly mac: { readonly clientToServer: string | undefined; readonly serverToClient: string | undefined };
  readonly compression: { readonly clientToServer: string; readonly serverToClient: string };
  /** Strict key exchange, which defeats the Terrapin attack (CVE-2023-48795). */
  readonly strict: boolean;
  /** The key exchange withstands an adversary with a quantum computer. */
  readonly postQuantum: boolean;
  /** The server's identification string, escaped. */
  readonly remoteIdentification: string;
  /** The host key blob that was accepted. */
  readonly serverHostKey: Uint8Array;
}

type ClientPlatform = Pick<Platform, 'streams' | 'pause'>;

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
  private readonly platform: ClientPlatform;
  /** For calls that say nothing of it. */
  private readonly maxChannels: number | undefined;

  constructor(session: Session, platform: ClientPlatform, maxChannels?: number) {
    this.session = session;
    this.platform = platform;
    this.maxChannels = maxChannels;
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
  async run(
    command: Command,
    options: RunOptions | RunOptions<Uint8Array> = {},
  ): Promise<RunResult<string | Uint8Array>> {
    checkRunOptions(options);
    const payload = execPayload(command, options.cwd);
    return this.scoped('command', 'the command to end', options, async (scope) => {
      const started = await this.start('exec', payload, options, scope);
      const wait = this.commandWait(started.port, 'command');
      try {
        return await runToEnd(started, options, scope, () => this.platform.pause());
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
  async exec(command: Command, options: ExecOptions = {}): Promise<RemoteProcess> {
    checkExecOptions(options);
    return this.startProcess('exec', execPayload(command, options.cwd), options);
  }

  /** Starts the user's shell, on a terminal unless `pty` is false. Errors as `exec`. */
  async shell(options: ShellOptions = {}): Promise<RemoteProcess> {
    checkShellOptions(options);
    const { env, signal, timeout, maxChannels, forwardAgent, pty = true, ...terminal } = options;
    const common = { env, signal, timeout, maxChannels, forwardAgent };
    return this.startProcess('shell', shellRequest.toBytes({}), { ...common, pty: pty ? terminal : false });
  }

  /** Starts a subsystem such as `sftp` or `netconf`. Errors as `exec`. */
  async subsystem(name: string, options: SessionOptions = {}): Promise<Duplex> {
    checkName('the name of a subsystem', name);
    checkSessionOptions('subsystem', options);
    const { maxChannels } = options;
    return this.scoped('request', 'the subsystem to start', options, async (scope) => {
      const payload = subsystemRequest.toBytes({ subsystemName: name });
      const { port } = await this.start('subsystem', payload, { maxChannels }, scope);
      return channelStream(port, this.platform.streams);
    });
  }

  /**
   * Opens a TCP connection from the server (RFC 4254 §7.2).
   *
   * @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED` with the server's reason in `channelOpenReason`; else as `exec`
   */
  async openTcp(host: string, port: number, options: CallOptions = {}): Promise<Duplex> {
    return channelStream(await this.openTcpPort(host, port, options), this.platform.streams);
  }

  /** As `openTcp`, for those in this library who need no stream. */
  async openTcpPort(host: string, port: number, options: CallOptions = {}): Promise<ChannelPort> {
    checkName('the host of openTcp', host);
    checkArgument('the port of openTcp', port, portRule);
    checkCallOptions('openTcp', options);
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
  async openUnix(path: string, options: CallOptions = {}): Promise<Duplex> {
    checkName('the path of openUnix', path);
    checkCallOptions('openUnix', options);
    const data = directStreamlocal.toBytes({ socketPath: path, reservedString: '', reservedNumber: 0 });
    const port = await this.scoped('channelOpen', 'a forwarded local socket', options, (scope) =>
      scope.until(this.session.openChannel(directStreamlocal.name, data, scope)),
    );
    return channelStream(port, this.platform.streams);
  }

  /**
   * Asks the server for a sign of life.
   *
   * @returns milliseconds to the answer
   * @throws SshError `ERR_SSH_TIMEOUT` after the `request` timeout
   */
  async ping(options: CallOptions = {}): Promise<number> {
    checkCallOptions('ping', options);
    return this.scoped('request', 'the answer to a ping', options, async (scope) => {
      const { driver } = this.session;
      const start = driver?.now ?? 0;
      await scope.until(this.session.globalRequest('keepalive@openssh.com', new Uint8Array(0)));
      return (driver?.now ?? 0) - start;
    });
  }

  /** Agrees on new keys (RFC 4253 §9); resolves when they are in use in both directions. */
  async rekey(options: CallOptions = {}): Promise<void> {
    checkCallOptions('rekey', options);
    return this.scoped('keyExchange', 'new keys', options, (scope) => scope.until(this.session.rekey()));
  }

  /** What the connection is doing and waiting for, at this moment. */
  inspect(): ConnectionSnapshot {
    return this.session.snapshot();
  }

  /** What the last key exchange agreed on. */
  get negotiated(): NegotiatedSummary {
    const { keyExchange, remote } = this.session.core.transport;
    const { negotiated, strict, hostKey } = keyExchange;
    if (negotiated === undefined || hostKey === undefined) {
      throw new SshError('ERR_SSH_INTERNAL', 'a client before its first key exchange', { origin: 'local' });
    }
    const { kex, clientToServer, serverToClient } = negotiated;
    return {
      kex,
      hostKey: negotiated.hostKey,
      cipher: { clientToServer: clientToServer.cipher, serverToClient: serverToClient.cipher },
      mac: { clientToServer: clientToServer.mac, serverToClient: serverToClient.mac },
      compression: { clientToServer: clientToServer.compression, serverToClient: serverToClient.compression },
      strict,
      postQuantum: isKex(kex) && kexMethods[kex].postQuantum,
      remoteIdentification: remote?.text ?? '',
      serverHostKey: hostKey,
    };
  }

  /**
   * Resolves, never rejects, when the connection is over and everything of it
   * is freed, with the cause: `ERR_SSH_CLOSED` where this side closed it.
   */
  get closed(): Promise<SshError> {
    return this.session.closed;
  }

  /**
   * Sends what was written, says goodbye and frees everything, within the
   * `close` timeout. What still runs rejects with `ERR_SSH_CLOSED`.
   */
  async close(): Promise<void> {
    this.session.close(closedError('the connection was closed'));
    await this.closed;
  }

  /** Frees everything at once, without a goodbye. What still runs rejects with `ERR_SSH_CLOSED`. */
  destroy(): void {
    this.session.destroy(closedError('the connection was destroyed'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // The common start of processes ------------------------------------------------------

  private startProcess(kind: CommandKind, payload: Uint8Array, options: ExecOptions): Promise<RemoteProcess> {
    return this.scoped('request', `the ${kind} to start`, options, async (scope) => {
      const { port, exit, refusedEnv } = await this.start(kind, payload, options, scope);
      if (options.signal !== undefined) failOnAbort(port, options.signal);
      return new RemoteProcess({
        port,
        streams: this.platform.streams,
        exit,
        refusedEnv,
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
  ): Promise<StartedCommand> {
    const news = new CommandNews(this.session.driver, kind);
    try {
      const started = await this.request(kind, payload, options, scope);
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
  ): Promise<StartedCommand> {
    const { session } = this;
    const { maxChannels = this.maxChannels } = options;
    const port = await scope.until(session.openSession(scope, maxChannels));
    scope.onCancel(() => port.terminate());
    const exit = new ExitCollector();
    session.collectExit(port, exit);
    try {
      const refusedEnv: string[] = [];
      const pending: Promise<void>[] = [];
      if (options.pty !== undefined && options.pty !== false) {
        pending.push(session.request(port, ptyReq.name, ptyPayload(options.pty === true ? {} : options.pty)));
      }
      if (options.forwardAgent === true) pending.push(session.forwardAgent(port));
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
      return { port, exit, refusedEnv };
    } catch (error) {
      port.close();
      throw error;
    }
  }

  /** A process may run for ever; its wait is in the ledger all the same, guarded by keep-alive. */
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

function noteRefused(error: unknown, name: string, refused: string[]): void {
  if (!(error instanceof SshError) || error.code !== 'ERR_SSH_REQUEST_FAILED') throw error;
  refused.push(name);
}

function closedError(message: string): SshError {
  return new SshError('ERR_SSH_CLOSED', message, { phase: 'close', origin: 'user' });
}

function isKex(name: string): name is keyof typeof kexMethods {
  return Object.hasOwn(kexMethods, name);
}
