/**
 * `deadline-ssh [options] destination [command…]` from the configuration to the
 * exit status.
 *
 * Owns: the order of things, what is printed at the end, that the terminal is
 * given back whatever happens.
 * Must not know: how any single step is done.
 */
import { spawn } from 'node:child_process';
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { ExitResult } from '../../client/command/remoteProcess.ts';
import { formatKeywords } from '../../config/reading/output.ts';
import type { ResolvedHost } from '../../config/resolveHost.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import { dial } from '../connection/dial.ts';
import { type AskablePerson, findPerson } from '../connection/findPerson.ts';
import { hearConfiguration, problemLines, resolveLine } from '../connection/resolution.ts';
import { Trace } from '../connection/trace.ts';
import { warningsAbout } from '../connection/warnings.ts';
import { messageOf } from '../errorWords.ts';
import { brokenPipeStatus, exitVerdict, failureStatus } from '../exitStatus.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { BrokenPipe, OutputFault, printText, streamSink } from '../terminal/pumps.ts';
import type { SshCommandLine } from './arguments.ts';
import { becomeBackground, isInBackground, Parent, runInBackground } from './background.ts';
import { listenForControl, sendControl } from './control.ts';
import type { ControlCommand, ControlRequest } from './controlMessages.ts';
import { Forwards } from './forwards.ts';
import { type CommandOutcome, jsonError, jsonResult } from './jsonReport.ts';
import { logFile } from './logFile.ts';
import { Remote, type RemotePurpose } from './remote.ts';
import { planOf, type SessionPlan } from './settings.ts';
import { joinStdio } from './stdioForward.ts';

/** @returns the exit status of this program */
export async function runSession(line: SshCommandLine): Promise<number> {
  const session = new CommandSession(line);
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
  private readonly line: SshCommandLine;
  private readonly messages = new Messages(process.stderr);
  private readonly interruption = new Interruption();
  private readonly trace: Trace;
  private person: AskablePerson | undefined;
  private isDisconnected = false;
  private isToldToEnd = false;
  private wasOnTerminal = false;
  private stopListening = (): void => {};

  constructor(line: SshCommandLine) {
    this.line = line;
    this.trace = new Trace(0, this.messages);
  }

  watch(): () => void {
    const stops = [this.interruption.watch(), this.trace.watch()];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async run(): Promise<number> {
    const { line, messages, interruption } = this;
    if (line.logFile !== undefined) messages.logTo(logFile(line.logFile));
    this.person = isInBackground ? Parent.find() : findPerson(() => interruption.interrupt('SIGINT'));
    try {
      if (line.isBackground && !isInBackground && !line.printsConfiguration && line.control === undefined) {
        return await runInBackground(this.person, interruption.signal);
      }
      const resolved = await resolveLine(line, {
        person: this.person,
        messages,
        signal: interruption.signal,
      });
      hearConfiguration(resolved, this.trace, messages);
      if (line.printsConfiguration) {
        await printText(streamSink(process.stdout), formatKeywords(resolved.keywords));
        return 0;
      }
      const plan = planOf(line, resolved);
      if (line.control !== undefined) return await this.control(plan, line.control as ControlCommand);
      // The configuration may ask for it as well.
      if (resolved.session.fork && !isInBackground) {
        return await runInBackground(this.person, interruption.signal);
      }
      return await this.connected(plan);
    } finally {
      this.person?.close();
    }
  }

  /** Asks or tells a program in the background. */
  private async control(plan: SessionPlan, command: ControlCommand): Promise<number> {
    const { controlPath, forwards } = plan;
    if (controlPath === undefined) {
      throw optionsError('-O needs the path of a control socket: -S PATH, or ControlPath');
    }
    if (command === 'forward' || command === 'cancel') {
      if (forwards.length === 0) throw optionsError(`-O ${command} needs a forward: -L, -R or -D`);
      for (const spec of forwards) {
        const { port } = await sendControl(controlPath, { command, spec });
        if (port !== undefined) await printLine(String(port));
      }
      return 0;
    }
    const { pid } = await sendControl(controlPath, { command });
    if (this.messages.level === 'all') this.messages.block(controlAnswers[command](pid));
    return 0;
  }

  private async connected(plan: SessionPlan): Promise<number> {
    const client = await this.connect(plan.resolved);
    try {
      return await this.serve(client, plan);
    } finally {
      this.stopListening();
      await client.close();
    }
  }

  /** Without the socket the session goes on, as with ssh. */
  private async listenForControl(
    { controlPath, isControlled }: SessionPlan,
    client: Client,
    forwards: Forwards,
  ): Promise<void> {
    if (isControlled === false || controlPath === undefined) return;
    try {
      this.stopListening = await listenForControl(controlPath, {
        exit: () => {
          this.isToldToEnd = true;
          void client.close();
        },
        change: (request) => changeForwards(forwards, request),
      });
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      if (isControlled === true) this.messages.say(messageOf(error));
      else this.trace.note(messageOf(error));
    }
  }

  /** Says why there is no exit status of a command; returns ours. */
  async failed(error: unknown): Promise<number> {
    if (this.isToldToEnd) return 0;
    if (error instanceof BrokenPipe) return brokenPipeStatus;
    if (error instanceof OutputFault) {
      this.messages.complain(error.message);
      return failureStatus;
    }
    // The session's own output need not have ended with a line.
    if (this.wasOnTerminal) this.messages.block('');
    if (this.isDisconnected) {
      if (this.messages.level === 'all') this.messages.block(`Connection to ${this.line.host} closed.`);
      return failureStatus;
    }
    const cause = asSshError(error);
    if (this.line.json) {
      const { timings, elapsed, bytesReceived } = this.trace;
      await printLine(jsonError(cause, { timings, elapsed, bytesReceived }));
    } else if (this.interruption.cause === undefined) {
      for (const text of problemLines(cause) ?? [messageOf(cause)]) this.messages.complain(text);
    }
    this.trace.failed(cause);
    if (cause.code === 'ERR_SSH_INTERNAL' && this.trace.verbosity >= 2) {
      this.messages.block(String(error instanceof Error ? error.stack : error));
    }
    return this.interruption.status ?? failureStatus;
  }

  private async connect(resolved: ResolvedHost): Promise<Client> {
    const { messages, trace, interruption, person, line } = this;
    const client = await dial(resolved, {
      person,
      trace,
      messages,
      signal: interruption.signal,
      timeout: line.timeout,
      preset: line.algorithms,
    });
    this.person?.close();
    for (const warning of warningsAbout(client.negotiated)) trace.note(warning);
    const { localCommand } = resolved.session;
    if (localCommand !== undefined) await runLocally(localCommand);
    return client;
  }

  private async serve(client: Client, plan: SessionPlan): Promise<number> {
    const { trace, messages, interruption } = this;
    const { signal } = interruption;
    const { purpose, resolved } = plan;
    const { exitOnFailure, permitRemoteOpen } = resolved.forwards;
    const { family } = resolved.options;
    const forwards = new Forwards(client, { trace, messages, signal, permitRemoteOpen, family });
    await forwards.start(
      plan.forwards,
      exitOnFailure || (purpose.kind === 'forwards' && plan.forwards.length === 1),
    );
    await this.listenForControl(plan, client, forwards);
    if (isInBackground) becomeBackground();
    if (purpose.kind === 'session' || purpose.kind === 'subsystem') {
      const status = await this.runOn(client, plan, purpose, forwards);
      if (plan.persistsFor !== undefined) await this.persist(client, forwards, plan.persistsFor);
      return status;
    }
    if (purpose.kind === 'forwards') {
      if (plan.forwards.length > 0 && forwards.count === 0) {
        throw optionsError('no forward stands, and there is nothing else to do');
      }
      return this.stay(client);
    }
    return this.whileConnected(client, async () => {
      await joinStdio(client, purpose.to, signal);
      return 0;
    });
  }

  /** Until the connection ends, or this program is told to. */
  private stay(client: Client): Promise<number> {
    return this.whileConnected(client, async () => {
      throw await client.closed;
    });
  }

  /** For some time in which nothing is forwarded, and as long as something is. */
  private async persist(client: Client, forwards: Forwards, seconds: number): Promise<void> {
    await this.whileConnected(client, async () => {
      do {
        await this.pause(client, seconds * 1_000);
      } while (client.isLive && forwards.open > 0);
      return 0;
    });
  }

  /** Until some time has passed, or the connection has ended. */
  private pause(client: Client, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds > longestTimer ? undefined : setTimeout(resolve, milliseconds);
      void client.closed.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private async whileConnected(client: Client, work: () => Promise<number>): Promise<number> {
    const { signal } = this.interruption;
    const end = (): void => void client.close();
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      return await work();
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  private async runOn(
    client: Client,
    plan: SessionPlan,
    purpose: RemotePurpose,
    forwards: Forwards,
  ): Promise<number> {
    const { trace, messages, interruption } = this;
    const { signal } = interruption;
    const remote = await Remote.start(client, plan, purpose, { trace, messages, signal });
    this.wasOnTerminal = remote.onTerminal;
    const end = (): void => {
      remote.kill(interruption.cause ?? 'SIGTERM');
      // What still waits is told so at once; the goodbye has its bound.
      void client.close();
    };
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const release = remote.attach(messages, forwards, () => {
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
      signal.removeEventListener('abort', end);
    }
  }

  private async report(outcome: CommandOutcome, onTerminal: boolean): Promise<number> {
    const { line, messages, trace } = this;
    const { status, message } = exitVerdict(outcome.exit);
    if (line.json) await printLine(jsonResult(outcome, trace.timings));
    else if (message !== undefined) messages.complain(message);
    if (onTerminal && !line.json && messages.level === 'all') {
      messages.block(`Connection to ${line.host} closed.`);
    }
    return status;
  }
}

/** Milliseconds that a timer of Node has room for: about 25 days. */
const longestTimer = 2 ** 31 - 1;

/** @returns the port of a forward whose port was to be chosen */
async function changeForwards(
  forwards: Forwards,
  { command, spec }: Extract<ControlRequest, { command: 'forward' | 'cancel' }>,
): Promise<number | undefined> {
  if (command === 'forward') {
    const { address } = await forwards.add(spec);
    return spec.from.port === 0 ? address.port : undefined;
  }
  if (!(await forwards.cancel([spec.kind], spec.from))) throw optionsError('there is no such forward');
  return undefined;
}

/** As ssh words them: scripts look for the process id. */
const controlAnswers: Readonly<Record<'check' | 'exit' | 'stop', (pid: number) => string>> = {
  check: (pid) => `Master running (pid=${pid})`,
  exit: () => 'Exit request sent.',
  stop: () => 'Stop listening request sent.',
};

/** LocalCommand, by the user's shell; the session waits for it, whatever its status. */
function runLocally(command: string): Promise<void> {
  const shell = process.env['SHELL'] ?? '/bin/sh';
  return new Promise((resolve) => {
    const child = spawn(shell, ['-c', command], { stdio: 'inherit' });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
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
