/**
 * Commands, shells and subsystems on a connection.
 *
 * Owns: how one is started (RFC 4254 §6): which requests go out on its channel, what a
 * refusal of each means, what becomes of a start that fails.
 * Must not know: which calls of the public API there are, what an output is read for.
 */
import { SshError } from '../../base/errors.ts';
import { abortError, onAbort } from '../../endpoint/calls/abort.ts';
import type { CallScope } from '../../endpoint/calls/callScope.ts';
import type { CallSite } from '../../endpoint/calls/callSite.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import type { CommandKind } from '../../io/registry.ts';
import { env as envRequest, ptyReq } from '../../message/channelRequest.ts';
import type { AgentForwarding } from '../agent/agentForwarding.ts';
import { agentError } from '../agent/agentLink.ts';
import type { ExecOptions, RunOptions } from '../callOptions.ts';
import type { Dialled } from '../dialled.ts';
import { SessionHost } from '../forwarding.ts';
import type { Session } from '../session.ts';
import type { X11Forwarding } from '../x11/forwarding.ts';
import { CommandNews } from './commandNews.ts';
import { ExitCollector, type RefusedRequest, RemoteProcess } from './remoteProcess.ts';
import { execPayload, ptyPayload } from './requestPayloads.ts';
import { type RunResult, runToEnd, type StartedCommand } from './run.ts';
import type { Command } from './shellWords.ts';

/** What a refusal of a terminal, of the agent or of a display means: the end of the call, or a word in its result. */
export type OnRefusal = 'reject' | 'tell';

export class Commands {
  private readonly session: Session;
  private readonly dialled: Dialled;
  /** Undefined where there is no agent. */
  private readonly agentForwarding: AgentForwarding | undefined;
  /** Made for the first display. */
  private x11: X11Forwarding | undefined;

  constructor(session: Session, dialled: Dialled, agentForwarding: AgentForwarding | undefined) {
    this.session = session;
    this.dialled = dialled;
    this.agentForwarding = agentForwarding;
  }

  /** Runs a command to its end. */
  run(command: Command, options: RunOptions): Promise<RunResult>;
  run(
    command: Command,
    options: RunOptions | RunOptions<Uint8Array>,
  ): Promise<RunResult<string | Uint8Array>>;
  async run(
    command: Command,
    options: RunOptions | RunOptions<Uint8Array>,
  ): Promise<RunResult<string | Uint8Array>> {
    const { session } = this;
    const payload = execPayload(command, options.cwd);
    return session.scoped('command', 'the command to end', options, async (scope) => {
      const started = await this.start('exec', payload, options, scope);
      const wait = this.startWait(started.port, 'command');
      try {
        return await runToEnd(started, options, scope, () => this.dialled.platform.pause());
      } finally {
        session.finishWait(wait);
      }
    });
  }

  /** Starts a command, a shell or a subsystem whose streams are its caller's to read. */
  process(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    site: CallSite,
    onRefusal: OnRefusal = 'reject',
  ): Promise<RemoteProcess> {
    const { session } = this;
    return session.scoped('request', `the ${kind} to start`, options, async (scope) => {
      const { port, exit, refusedEnv, refused } = await this.start(kind, payload, options, scope, onRefusal);
      port.openedBy = site.asText();
      if (options.signal !== undefined) failOnAbort(port, options.signal);
      return new RemoteProcess({
        port,
        streams: this.dialled.platform.streams,
        exit,
        refusedEnv,
        refused,
        commandWait: this.startWait(port, kind),
        finishWait: (wait) => session.finishWait(wait),
      });
    });
  }

  /** Starts one on a channel of its own. */
  async start(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    scope: CallScope,
    onRefusal: OnRefusal = 'reject',
  ): Promise<StartedCommand> {
    const news = new CommandNews(this.session.driver, kind);
    try {
      const started = await this.request(kind, payload, options, scope, onRefusal);
      void started.port.closed.then((cause) => news.ended(cause, started.exit.result));
      return started;
    } catch (error) {
      news.failed();
      throw error;
    }
  }

  /** Opens a session channel and sends all requests at once: their answers come in order (RFC 4254 §5.4). */
  private async request(
    kind: CommandKind,
    payload: Uint8Array,
    options: ExecOptions,
    scope: CallScope,
    onRefusal: OnRefusal,
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
        pending.push(
          onRefusal === 'tell' ? request.catch((error) => noteRefused(error, what, refused)) : request,
        );
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
    const { prepareX11 } = await lateCode('X11', () => import('../x11/prepare.ts'));
    const { display, cookie, acceptFor, randomBytes } = await prepareX11(platform, x11 === true ? {} : x11);
    const { limits, timeouts } = options;
    const { X11Forwarding } = await lateCode('X11', () => import('../x11/forwarding.ts'));
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
  private startWait(port: ChannelPort, kind: string): ReturnType<Session['startWait']> {
    const detail = `the ${kind} on channel ${port.channel.localId} to end (guarded by keep-alive)`;
    return this.session.startWait('command', detail, Number.POSITIVE_INFINITY);
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
