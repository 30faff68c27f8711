/**
 * `deadline-ssh [options] [user@]host[:port] [command…]` from the dial to the
 * exit status.
 *
 * Owns: the order of things, what is printed at the end, that the terminal is
 * given back whatever happens.
 * Must not know: how any single step is done.
 */
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { ExitResult } from '../../client/command/remoteProcess.ts';
import { dial } from '../connection/dial.ts';
import { TerminalPerson } from '../connection/person.ts';
import { Trace } from '../connection/trace.ts';
import { warningsAbout } from '../connection/warnings.ts';
import { messageOf } from '../errorWords.ts';
import { brokenPipeStatus, exitVerdict, failureStatus } from '../exitStatus.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { BrokenPipe, OutputFault, printText, streamSink } from '../terminal/pumps.ts';
import type { SshArguments } from './arguments.ts';
import { joinStdio, startForwards } from './forwards.ts';
import { type CommandOutcome, jsonError, jsonResult } from './jsonReport.ts';
import { Remote } from './remote.ts';

/** @returns the exit status of this program */
export async function runSession(args: SshArguments): Promise<number> {
  const session = new CommandSession(args);
  const stopWatching = session.watch();
  try {
    return await session.run();
  } catch (error) {
    return await session.failed(error);
  } finally {
    stopWatching();
  }
}

class CommandSession {
  private readonly args: SshArguments;
  private readonly messages = new Messages(process.stderr);
  private readonly interruption = new Interruption();
  private readonly trace: Trace;
  private isDisconnected = false;
  private wasOnTerminal = false;

  constructor(args: SshArguments) {
    this.args = args;
    this.trace = new Trace(args.verbosity, this.messages);
  }

  watch(): () => void {
    const stops = [this.interruption.watch(), this.trace.watch()];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async run(): Promise<number> {
    const client = await this.connect();
    try {
      return await this.serve(client);
    } finally {
      await client.close();
    }
  }

  /** Says why there is no exit status of a command; returns ours. */
  async failed(error: unknown): Promise<number> {
    if (error instanceof BrokenPipe) return brokenPipeStatus;
    if (error instanceof OutputFault) {
      this.messages.say(error.message);
      return failureStatus;
    }
    // The session's own output need not have ended with a line.
    if (this.wasOnTerminal) this.messages.block('');
    if (this.isDisconnected) {
      this.messages.block(`Connection to ${this.args.host} closed.`);
      return failureStatus;
    }
    const cause = asSshError(error);
    if (this.args.json) {
      const { timings, elapsed, bytesReceived } = this.trace;
      await printLine(jsonError(cause, { timings, elapsed, bytesReceived }));
    } else if (this.interruption.cause === undefined) {
      this.messages.say(messageOf(cause));
    }
    this.trace.failed(cause);
    if (cause.code === 'ERR_SSH_INTERNAL' && this.args.verbosity >= 2) {
      this.messages.block(String(error instanceof Error ? error.stack : error));
    }
    return this.interruption.status ?? failureStatus;
  }

  private async connect(): Promise<Client> {
    const { messages, trace, interruption } = this;
    const person = TerminalPerson.find(() => interruption.interrupt('SIGINT'));
    try {
      const client = await dial(this.args, { person, trace, messages, signal: interruption.signal });
      for (const warning of warningsAbout(client.negotiated)) trace.note(warning);
      return client;
    } finally {
      person?.close();
    }
  }

  private async serve(client: Client): Promise<number> {
    const { args, trace, messages, interruption } = this;
    const { signal } = interruption;
    const { forwards, forwardsDemanded, purpose } = args;
    await startForwards(client, forwards, forwardsDemanded, { trace, messages, signal });
    if (purpose === 'session') return this.runOn(client);
    const end = (): void => void client.close();
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      if (purpose !== 'forwards') await joinStdio(client, purpose, signal);
      else throw await client.closed;
      return 0;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  private async runOn(client: Client): Promise<number> {
    const { args, trace, messages, interruption } = this;
    const remote = await Remote.start(client, args, { trace, messages, signal: interruption.signal });
    this.wasOnTerminal = remote.onTerminal;
    const end = (): void => {
      remote.kill(interruption.cause ?? 'SIGTERM');
      // What still waits is told so at once; the goodbye has its bound.
      void client.close();
    };
    interruption.signal.addEventListener('abort', end);
    if (interruption.signal.aborted) end();
    const release = remote.attach(messages, () => {
      this.isDisconnected = true;
      client.destroy();
    });
    const started = performance.now();
    try {
      const output = await remote.output();
      trace.finish('command', performance.now() - started, describeExit(output.exit));
      release();
      return await this.report({ ...output, negotiated: client.negotiated }, remote.onTerminal);
    } finally {
      release();
      interruption.signal.removeEventListener('abort', end);
    }
  }

  private async report(outcome: CommandOutcome, onTerminal: boolean): Promise<number> {
    const { args, messages, trace } = this;
    const { status, message } = exitVerdict(outcome.exit);
    if (args.json) await printLine(jsonResult(outcome, trace.timings));
    else if (message !== undefined) messages.say(message);
    if (onTerminal && !args.json) messages.block(`Connection to ${args.host} closed.`);
    return status;
  }
}

function printLine(text: string): Promise<void> {
  return printText(streamSink(process.stdout), `${text}\n`);
}

function describeExit({ code, signal }: ExitResult): string {
  if (code !== undefined) return `exit status ${code}`;
  return signal === undefined ? 'no exit status' : `signal ${signal}`;
}

function asSshError(error: unknown): SshError {
  if (error instanceof SshError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new SshError('ERR_SSH_INTERNAL', `unexpected: ${why}`, { origin: 'local', cause: error });
}
