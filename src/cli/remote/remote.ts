/**
 * The remote command or shell, joined to the standard streams of this process.
 *
 * Owns: whether it gets a terminal, what its input is and where its output goes.
 * Must not know: how the connection came about, exit statuses.
 */
import { SshError } from '../../base/errors.ts';
import { defaultMaxBuffer } from '../../client/command/commandOutput.ts';
import type { ExitResult, RefusedRequest } from '../../client/command/remoteProcess.ts';
import type { PtyOptions } from '../../client/command/requestPayloads.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { Trace } from '../connection/trace.ts';
import type { Messages } from '../messages.ts';
import { CollectingSink, OutputGate, pumpInput, pumpOutput, streamSink } from '../terminal/pumps.ts';
import { terminalModes, terminalSize } from '../terminal/rawTerminal.ts';
import { attachTerminal, followSize } from './interactive.ts';
import type { SessionHost } from './sessionHost.ts';
import type { RemotePurpose, SessionPlan } from './settings.ts';
import type { SessionProcess } from './shared/sharedProcess.ts';
import { displayFor } from './x11.ts';

/** How it ended, and with --json what it wrote. */
export interface RemoteOutput {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exit: ExitResult;
}

export interface RemoteContext {
  readonly trace: Trace;
  readonly messages: Messages;
  readonly signal: AbortSignal;
}

const refusals: Readonly<Record<RefusedRequest, string>> = {
  x11: 'the server refused to forward X11; the session goes on without it',
  terminal: 'the server refused a terminal; the session goes on without one',
  agent: 'the server refused to forward the agent; the session goes on without it',
};

export class Remote {
  /** A person sits at a terminal that is the session's while it lasts. */
  readonly onTerminal: boolean;
  private readonly host: SessionHost;
  private readonly process: SessionProcess;
  private readonly plan: SessionPlan;
  private readonly hasPty: boolean;
  private readonly gate = new OutputGate();

  /** @throws SshError as `Client.exec`; a terminal or an agent that the server refuses is said to be, and the session goes on */
  static async start(
    host: SessionHost,
    plan: SessionPlan,
    purpose: RemotePurpose,
    { trace, messages, signal }: RemoteContext,
  ): Promise<Remote> {
    const { session } = plan.resolved;
    const pty = ptyFor(plan, purpose, messages);
    const x11 =
      session.forwardX11 === false
        ? false
        : await displayFor(session.forwardX11, {
            ...{ trace, messages, signal },
            display: nodePlatform.display(),
          });
    const options = {
      pty: pty ?? false,
      x11,
      // As with ssh, who has no agent has none to forward.
      forwardAgent:
        plan.forwardAgent !== false && (plan.forwardAgent !== true || nodePlatform.agentPath() !== undefined),
      env: session.env,
    };
    const started = performance.now();
    const remote = await host.start(purpose, options);
    for (const what of remote.refused) messages.say(refusals[what]);
    const hasPty = pty !== undefined && !remote.refused.includes('terminal');
    const where = hasPty ? `on a terminal of ${pty.columns} by ${pty.rows}` : 'without a terminal';
    trace.finish('channel', performance.now() - started, `${titleOf(purpose)} ${where}`);
    return new Remote(host, remote, plan, hasPty);
  }

  private constructor(host: SessionHost, process: SessionProcess, plan: SessionPlan, hasPty: boolean) {
    this.host = host;
    this.process = process;
    this.plan = plan;
    this.hasPty = hasPty;
    this.onTerminal = hasPty && plan.input && stdinIsTerminal();
  }

  /** Joins input, and the terminal where there is one; the returned function undoes it, and does no harm twice. */
  attach(messages: Messages, disconnect: () => void): () => void {
    const { process: remote } = this;
    if (!this.plan.input) {
      remote.stdin.end();
      return this.hasPty ? followSize(remote) : () => {};
    }
    // A terminal that went away must not end this process by an error that nobody heard.
    process.stdin.on('error', () => {});
    if (this.onTerminal) {
      const { session, forwards: listening } = this.plan.resolved;
      return attachTerminal(remote, {
        ...{ messages, own: this.host.own, session, listening, disconnect },
        gate: this.gate,
      });
    }
    const stopInput = pumpInput(process.stdin, remote.stdin, (chunk) => [chunk]);
    const stopResizing = this.hasPty ? followSize(remote) : () => {};
    return () => {
      stopInput();
      stopResizing();
    };
  }

  /**
   * Passes output on, or keeps it for --json, until the process has ended.
   *
   * @throws BrokenPipe; SshError the cause of the connection's end, `ERR_SSH_MAX_BUFFER`
   */
  async output(): Promise<RemoteOutput> {
    const { stdout, stderr, exit } = this.process;
    if (!this.plan.json) {
      const [, , ended] = await Promise.all([
        pumpOutput(stdout, this.gate.before(streamSink(process.stdout))),
        pumpOutput(stderr, this.gate.before(streamSink(process.stderr))),
        exit,
      ]);
      return { stdout: new Uint8Array(0), stderr: new Uint8Array(0), exit: ended };
    }
    const budget = { left: defaultMaxBuffer };
    const [out, err] = [new CollectingSink(budget), new CollectingSink(budget)];
    const [, , ended] = await Promise.all([pumpOutput(stdout, out), pumpOutput(stderr, err), exit]);
    return { stdout: out.bytes, stderr: err.bytes, exit: ended };
  }

  /** Passes a signal on, where the connection still lives. */
  kill(signal: string): void {
    try {
      this.process.kill(signal);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
    }
  }
}

/** A shell on a terminal gets one; a command gets one if asked for. Without a terminal here it has to be asked for twice. */
function ptyFor(
  { pty, input }: SessionPlan,
  purpose: RemotePurpose,
  messages: Messages,
): PtyOptions | undefined {
  const isShell = purpose.kind === 'session' && purpose.command === undefined;
  if (pty === 'none' || (pty === 'auto' && !isShell)) return undefined;
  const isHere = input && stdinIsTerminal();
  if (!isHere && pty !== 'force') {
    if (pty === 'yes') {
      messages.say('the command gets no terminal: standard input is none; -tt asks for one anyway');
    }
    return undefined;
  }
  const { columns, rows } = terminalSize([process.stdout, process.stderr]) ?? { columns: 80, rows: 24 };
  return { term: process.env['TERM'], columns, rows, modes: stdinIsTerminal() ? terminalModes() : {} };
}

function titleOf(purpose: RemotePurpose): string {
  if (purpose.kind === 'subsystem') return 'subsystem';
  return purpose.command === undefined ? 'shell' : 'command';
}

function stdinIsTerminal(): boolean {
  return process.stdin.isTTY === true;
}
