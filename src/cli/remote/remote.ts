/**
 * The remote command or shell, joined to the standard streams of this process.
 *
 * Owns: whether it gets a terminal, what its input is and where its output goes.
 * Must not know: how the connection came about, exit statuses.
 */
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { defaultMaxBuffer } from '../../client/command/commandOutput.ts';
import type { ExitResult, RefusedRequest, RemoteProcess } from '../../client/command/remoteProcess.ts';
import type { PtyOptions } from '../../client/command/requestPayloads.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { Trace } from '../connection/trace.ts';
import type { Messages } from '../messages.ts';
import { CollectingSink, pumpInput, pumpOutput, streamSink } from '../terminal/pumps.ts';
import { terminalModes, terminalSize } from '../terminal/rawTerminal.ts';
import type { SshArguments } from './arguments.ts';
import { attachTerminal, followSize } from './interactive.ts';

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
  private readonly client: Client;
  private readonly process: RemoteProcess;
  private readonly args: SshArguments;
  private readonly hasPty: boolean;

  /** @throws SshError as `Client.exec`; a terminal or an agent that the server refuses is said to be, and the session goes on */
  static async start(
    client: Client,
    args: SshArguments,
    { trace, messages, signal }: RemoteContext,
  ): Promise<Remote> {
    const { command } = args;
    // As with ssh, who has no agent has none to forward.
    const forwardAgent = args.forwardAgent && nodePlatform.agentPath() !== undefined;
    const pty = ptyFor(args);
    const started = performance.now();
    const remote = await client.startLenient(command, { pty: pty ?? false, signal, forwardAgent });
    for (const what of remote.refused) messages.say(refusals[what]);
    const hasPty = pty !== undefined && !remote.refused.includes('terminal');
    const where = hasPty ? `on a terminal of ${pty.columns} by ${pty.rows}` : 'without a terminal';
    trace.finish(
      'channel',
      performance.now() - started,
      `${command === undefined ? 'shell' : 'command'} ${where}`,
    );
    return new Remote(client, remote, args, hasPty);
  }

  private constructor(client: Client, process: RemoteProcess, args: SshArguments, hasPty: boolean) {
    this.client = client;
    this.process = process;
    this.args = args;
    this.hasPty = hasPty;
    this.onTerminal = hasPty && args.input && stdinIsTerminal();
  }

  /** Joins input, and the terminal where there is one; the returned function undoes it, and does no harm twice. */
  attach(messages: Messages, disconnect: () => void): () => void {
    const { process: remote } = this;
    if (!this.args.input) {
      remote.stdin.end();
      return this.hasPty ? followSize(remote) : () => {};
    }
    // A terminal that went away must not end this process by an error that nobody heard.
    process.stdin.on('error', () => {});
    if (this.onTerminal) return attachTerminal(this.client, remote, messages, disconnect);
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
    if (!this.args.json) {
      const [, , ended] = await Promise.all([
        pumpOutput(stdout, streamSink(process.stdout)),
        pumpOutput(stderr, streamSink(process.stderr)),
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

/** A shell on a terminal gets one; a command gets one if asked for. */
function ptyFor({ pty, command }: SshArguments): PtyOptions | undefined {
  const wanted = pty === 'force' || (pty === 'auto' && command === undefined && stdinIsTerminal());
  if (!wanted) return undefined;
  const { columns, rows } = terminalSize([process.stdout, process.stderr]) ?? { columns: 80, rows: 24 };
  return { term: process.env['TERM'], columns, rows, modes: stdinIsTerminal() ? terminalModes() : {} };
}

function stdinIsTerminal(): boolean {
  return process.stdin.isTTY === true;
}
