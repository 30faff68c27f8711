/**
 * The client as a user holds it.
 *
 * Owns: every call of the public API on a connection that is up.
 * Must not know: how a connection comes about (`connect.ts`), sockets.
 */
import { SshError } from '../base/errors.ts';
import { checkedTimeout } from '../base/timeouts.ts';
import { CallSite, type PublicFunction } from '../endpoint/callSite.ts';
import { publicCall } from '../endpoint/publicCall.ts';
import type { CommandKind, ConnectionSnapshot } from '../io/registry.ts';
import { directStreamlocal, directTcpip } from '../message/channel.ts';
import {
  env as envRequest,
  ptyReq,
  shell as shellRequest,
  subsystem as subsystemRequest,
} from '../message/channelRequest.ts';
import { abortError, onAbort } from './abort.ts';
import type { CallScope } from './callScope.ts';
import type { ChannelPort } from './channelPort.ts';
import { CommandNews } from './commandNews.ts';
import { type NegotiatedSummary, negotiatedSummary } from './negotiatedSummary.ts';
import { optionsError } from './optionErrors.ts';
import { channelStream, ExitCollector, type ExitResult, RemoteProcess } from './remoteProcess.ts';
import { execPayload, type PtyOptions, ptyPayload } from './requestPayloads.ts';
import { collectOutput, decodeOutput, defaultMaxBuffer, feedInput, type RunInput } from './run.ts';
import type { Session } from './session.ts';
import type { Duplex, StreamFactory } from './streams.ts';

/** What each call that waits takes. */
export interface CallOptions {
  /** Milliseconds for the whole call, besides the connection's own timeouts for its parts. */
  readonly timeout?: number | undefined;
  /** Aborts the call; of `exec` and `shell` also the process, once it has started. */
  readonly signal?: AbortSignal | undefined;
}

export interface ExecOptions extends CallOptions {
  /** `true` for a terminal of 80 by 24. */
  readonly pty?: boolean | PtyOptions | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Lets programs on the server list the keys of the agent and sign with them, for
   * as long as this command runs. Whoever is root there can do so as well, and
   * OpenSSH's server shows the agent to later commands of the connection, where it
   * answers only while a command that was given it runs. `false`
   */
  readonly forwardAgent?: boolean | undefined;
}

export interface ShellOptions extends CallOptions, PtyOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** As for `exec`. */
  readonly forwardAgent?: boolean | undefined;
  /** `false` for a shell without a terminal. */
  readonly pty?: boolean | undefined;
}

/** `timeout` is for the whole command; there is no bound but the connection's keep-alive where it is not given. */
export interface RunOptions extends ExecOptions {
  readonly input?: RunInput | undefined;
  /** Of the output; `buffer` gives bytes. `utf8` */
  readonly encoding?: 'utf8' | 'latin1' | 'buffer' | undefined;
  /** Bytes of output, both streams together. 64 MiB */
  readonly maxBuffer?: number | undefined;
}

/** How a command ended and what it wrote. A status other than 0 is a result, not an error. */
export interface RunResult<Data = string> extends ExitResult {
  readonly stdout: Data;
  readonly stderr: Data;
  /** Environment variables the server did not take. */
  readonly refusedEnv: readonly string[];
}

interface Started {
  readonly port: ChannelPort;
  readonly exit: ExitCollector;
  readonly refusedEnv: readonly string[];
}

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
  private readonly streams: StreamFactory;

  constructor(session: Session, streams: StreamFactory) {
    this.session = session;
    this.streams = streams;
  }

  /**
   * Runs a command to its end and collects its output.
   *
   * @throws SshError `ERR_SSH_TIMEOUT` the command took longer than `timeout` (it is sent TERM and its channel is closed);
   *   `ERR_SSH_MAX_BUFFER`; `ERR_SSH_ABORTED`; `ERR_SSH_REQUEST_FAILED` the server runs no commands;
   *   the cause of the end when the connection ended first
   */
  run(command: string, options: RunOptions & { readonly encoding: 'buffer' }): Promise<RunResult<Uint8Array>>;
  run(command: string, options?: RunOptions): Promise<RunResult>;
  run(command: string, options: RunOptions = {}): Promise<RunResult<Uint8Array> | RunResult> {
    return this.call(Client.prototype.run, () => this.runToEnd(command, options));
  }

  /** As `run`, for those in this library: what a function of the user threw comes as an `SshError`. */
  runToEnd(
    command: string,
    options: RunOptions & { readonly encoding: 'buffer' },
  ): Promise<RunResult<Uint8Array>>;
  runToEnd(command: string, options: RunOptions): Promise<RunResult>;
  async runToEnd(command: string, options: RunOptions): Promise<RunResult<Uint8Array> | RunResult> {
    const { encoding = 'utf8', maxBuffer = defaultMaxBuffer, input } = options;
    if (encoding !== 'utf8' && encoding !== 'latin1' && encoding !== 'buffer') {
      throw optionsError("encoding must be 'utf8', 'latin1' or 'buffer'");
    }
    if (!(maxBuffer >= 0)) throw optionsError('maxBuffer must be a number of bytes');
    return this.scoped('command', 'the command to end', options, async (scope) => {
      const { port, exit, refusedEnv } = await this.start('exec', execPayload(command), options, scope);
      const wait = this.commandWait(port, 'command');
      try {
        const feeding = feedInput(port, input);
        const [{ stdout, stderr }] = await Promise.all([
          scope.until(collectOutput(port, maxBuffer)),
          scope.until(feeding),
        ]);
        const cause = await scope.until(port.closed);
        if (cause !== undefined) throw cause;
        const rest = { ...exit.result, refusedEnv };
        if (encoding === 'buffer') return { stdout, stderr, ...rest };
        return { stdout: decodeOutput(stdout, encoding), stderr: decodeOutput(stderr, encoding), ...rest };
      } finally {
        this.session.finishWait(wait);
        port.terminate();
      }
    });
  }

  /**
   * Starts a command. Its streams are the user's to read.
   *
   * @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED`, `ERR_SSH_REQUEST_FAILED`, `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`
   */
  exec(command: string, options: ExecOptions = {}): Promise<RemoteProcess> {
    return this.call(Client.prototype.exec, (site) =>
      this.startProcess('exec', execPayload(command), options, site),
    );
  }

  /** Starts the user's shell, on a terminal unless `pty` is false. Errors as `exec`. */
  shell(options: ShellOptions = {}): Promise<RemoteProcess> {
    return this.call(Client.prototype.shell, (site) => {
      const { env, signal, timeout, forwardAgent, pty = true, ...terminal } = options;
      const settings = { env, signal, timeout, forwardAgent, pty: pty ? terminal : false };
      return this.startProcess('shell', shellRequest.toBytes({}), settings, site);
    });
  }

  /** Starts a subsystem such as `sftp` or `netconf`. Errors as `exec`. */
  subsystem(name: string, options: CallOptions = {}): Promise<Duplex> {
    return this.call(Client.prototype.subsystem, (site) => {
      if (typeof name !== 'string' || name === '') throw optionsError('a subsystem needs a name');
      return this.scoped('request', 'the subsystem to start', options, async (scope) => {
        const payload = subsystemRequest.toBytes({ subsystemName: name });
        const { port } = await this.start('subsystem', payload, {}, scope);
        return this.streamOver(port, site);
      });
    });
  }

  /**
   * Opens a TCP connection from the server (RFC 4254 §7.2).
   *
   * @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED` with the server's reason in `channelOpenReason`; else as `exec`
   */
  openTcp(host: string, port: number, options: CallOptions = {}): Promise<Duplex> {
    return this.call(Client.prototype.openTcp, async (site) =>
      this.streamOver(await this.openTcpPort(host, port, options), site),
    );
  }

  /** As `openTcp`, for those in this library who need no stream. */
  openTcpPort(host: string, port: number, options: CallOptions = {}): Promise<ChannelPort> {
    if (typeof host !== 'string' || host === '') return Promise.reject(optionsError('openTcp needs a host'));
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      return Promise.reject(optionsError('openTcp needs a port from 1 to 65535'));
    }
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
  openUnix(path: string, options: CallOptions = {}): Promise<Duplex> {
    return this.call(Client.prototype.openUnix, async (site) => {
      if (typeof path !== 'string' || path === '') throw optionsError('openUnix needs a path');
      const data = directStreamlocal.toBytes({ socketPath: path, reservedString: '', reservedNumber: 0 });
      const port = await this.scoped('channelOpen', 'a forwarded local socket', options, (scope) =>
        scope.until(this.session.openChannel(directStreamlocal.name, data, scope)),
      );
      return this.streamOver(port, site);
    });
  }

  /**
   * Asks the server for a sign of life.
   *
   * @returns milliseconds to the answer
   * @throws SshError `ERR_SSH_TIMEOUT` after the `request` timeout
   */
  ping(options: CallOptions = {}): Promise<number> {
    return this.call(Client.prototype.ping, () =>
      this.scoped('request', 'the answer to a ping', options, async (scope) => {
        const { driver } = this.session;
        const start = driver?.now ?? 0;
        await scope.until(this.session.globalRequest('keepalive@openssh.com', new Uint8Array(0)));
        return (driver?.now ?? 0) - start;
      }),
    );
  }

  /** Agrees on new keys (RFC 4253 §9); resolves when they are in use in both directions. */
  rekey(options: CallOptions = {}): Promise<void> {
    return this.call(Client.prototype.rekey, () =>
      this.scoped('keyExchange', 'new keys', options, (scope) => scope.until(this.session.rekey())),
    );
  }

  /** What the connection is doing and waiting for, at this moment. */
  inspect(): ConnectionSnapshot {
    return this.session.snapshot();
  }

  /** What the last key exchange agreed on. */
  get negotiated(): NegotiatedSummary {
    return negotiatedSummary(this.session.core.transport);
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

  private streamOver(port: ChannelPort, site: CallSite): Duplex {
    port.openedBy = site.asText();
    return channelStream(port, this.streams);
  }

  // The common start of processes ------------------------------------------------------

  private startProcess(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    site: CallSite,
  ): Promise<RemoteProcess> {
    return this.scoped('request', `the ${kind} to start`, options, async (scope) => {
      const { port, exit, refusedEnv } = await this.start(kind, payload, options, scope);
      port.openedBy = site.asText();
      if (options.signal !== undefined) failOnAbort(port, options.signal);
      return new RemoteProcess({
        port,
        streams: this.streams,
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
  ): Promise<Started> {
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
  ): Promise<Started> {
    const { session } = this;
    const port = await scope.until(session.openChannel('session', new Uint8Array(0), scope));
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
    const { timeout, signal } = options;
    const bound = timeout === undefined ? Number.POSITIVE_INFINITY : checkedTimeout('timeout', timeout);
    const scope = this.session.scope({ name, detail, timeout: bound, signal });
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
