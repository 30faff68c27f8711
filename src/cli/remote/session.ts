/**
 * `deadline-ssh [options] destination [command…]` from the configuration to the
 * exit status.
 *
 * Owns: the order of things, what is printed at the end, that the terminal is
 * given back whatever happens.
 * Must not know: how any single step is done, how others use the connection.
 */
import { spawn } from 'node:child_process';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { Client } from '../../client/client.ts';
import type { ExitResult } from '../../client/command/remoteProcess.ts';
import { formatKeywords } from '../../config/reading/output.ts';
import type { ResolvedHost } from '../../config/resolveHost.ts';
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
import {
  becomeBackground,
  isInBackground,
  isLender,
  Parent,
  parentErrors,
  runInBackground,
  startLender,
} from './background.ts';
import { reachControl, sendControl } from './control.ts';
import type { ToldCommand } from './controlMessages.ts';
import { Forwards } from './forwards.ts';
import { jsonError, jsonResult } from './jsonReport.ts';
import { Lending, whileConnected } from './lending.ts';
import { logFile } from './logFile.ts';
import { Remote, type RemoteOutput } from './remote.ts';
import { ownHost, type SessionHost } from './sessionHost.ts';
import { planOf, type RemotePurpose, type SessionPlan } from './settings.ts';
import { SharedHost } from './shared/sharedHost.ts';
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
  private readonly messages = new Messages(isLender ? parentErrors : process.stderr);
  private readonly interruption = new Interruption();
  private readonly trace: Trace;
  private person: AskablePerson | undefined;
  private isDisconnected = false;
  private wasOnTerminal = false;
  /** Once this program has a connection of its own. */
  private lending: Lending | undefined;

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
      if (line.control !== undefined && line.control !== 'proxy') {
        return await this.control(plan, line.control as ToldCommand);
      }
      // The configuration may ask for it as well.
      if (resolved.session.fork && !isInBackground) {
        return await runInBackground(this.person, interruption.signal);
      }
      if (isLender) return await this.lendOnly(plan);
      const mayStart = line.control === undefined;
      return plan.leavesLender && mayStart ? await this.overLender(plan) : await this.connected(plan);
    } finally {
      this.person?.close();
    }
  }

  /** The session runs over the connection of a program in the background, which is started where there is none. */
  private async overLender(plan: SessionPlan): Promise<number> {
    const { controlPath, resolved } = plan;
    const there = controlPath === undefined ? undefined : await reachControl(controlPath);
    there?.destroy();
    if (there !== undefined) return await this.connected(plan);
    const started = await startLender(this.person, this.interruption.signal);
    // Why it has ended it has said.
    if (started !== 'ready' && started !== 0) return this.interruption.status ?? started;
    if (started === 0) return await this.connected(plan);
    const { localCommand } = resolved.session;
    if (localCommand !== undefined) await runLocally(localCommand);
    // Its forwards stand there already.
    return await this.connected({ ...plan, forwards: [], borrows: true, isControlled: false });
  }

  /** Connects, and lends the connection until nothing has run over it for some time. */
  private async lendOnly(plan: SessionPlan): Promise<number> {
    const client = await this.connect(plan.resolved);
    const lending = this.lendingOf(client, plan);
    try {
      await lending.forwards.start(plan.forwards, plan.resolved.forwards.exitOnFailure);
      await this.listenForControl(lending, plan);
      if (!lending.isListening) return 0;
      becomeBackground();
      await lending.persist(plan.persistsFor ?? 0);
      return 0;
    } finally {
      lending.stopListening();
      await client.close();
    }
  }

  /** Asks or tells a program in the background. */
  private async control(plan: SessionPlan, command: ToldCommand): Promise<number> {
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
    const shared = await this.overShared(plan);
    if (shared !== undefined) return shared;
    const client = await this.connect(plan.resolved);
    const lending = this.lendingOf(client, plan);
    try {
      return await this.serve(client, lending, plan);
    } finally {
      lending.stopListening();
      await client.close();
    }
  }

  /**
   * The session over the connection of a program that listens, where there is one.
   *
   * @returns the exit status; undefined where this program has to connect by itself
   */
  private async overShared(plan: SessionPlan): Promise<number | undefined> {
    const { controlPath, borrows, purpose, json, resolved } = plan;
    const isDemanded = this.line.control === 'proxy';
    const isSession = purpose.kind === 'session' || purpose.kind === 'subsystem';
    const hasWay = controlPath !== undefined && (borrows || isDemanded) && isSession && !json;
    const socket = hasWay ? await reachControl(controlPath) : undefined;
    if (socket === undefined || !isSession) {
      if (isDemanded) throw optionsError('-O proxy: nobody lends a connection at the control socket');
      return undefined;
    }
    const host = new SharedHost(socket, plan.forwards);
    try {
      return await this.runOn(host, plan, purpose, () => {
        this.trace.note(`the connection is that of the program at ${controlPath}`);
        for (const fault of host.faults) this.messages.say(fault);
        if (host.faults.length > 0 && resolved.forwards.exitOnFailure) {
          throw new SshError('ERR_SSH_FORWARD', 'a forward does not stand', { origin: 'user' });
        }
        if (isInBackground) becomeBackground();
      });
    } catch (error) {
      if (host.hasStarted || isDemanded || !(error instanceof SshError)) throw error;
      this.trace.note(`${messageOf(error)}; this program connects by itself`);
      return undefined;
    } finally {
      host.destroy();
    }
  }

  /** Without the socket the session goes on, as with ssh. */
  private async listenForControl(
    lending: Lending,
    { controlPath, isControlled, lends }: SessionPlan,
  ): Promise<void> {
    if (isControlled === false || controlPath === undefined) return;
    try {
      await lending.listen(controlPath, lends);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      if (isControlled === true) this.messages.say(messageOf(error));
      else this.trace.note(messageOf(error));
    }
  }

  /** Says why there is no exit status of a command; returns ours. */
  async failed(error: unknown): Promise<number> {
    if (this.lending?.isToldToEnd) return 0;
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
    // Whatever a signal broke off was ended by the signal.
    const cause = asSshError((error instanceof SshError && this.interruption.signal.reason) || error);
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
    if (localCommand !== undefined && !isLender) await runLocally(localCommand);
    return client;
  }

  private async serve(client: Client, lending: Lending, plan: SessionPlan): Promise<number> {
    const { signal } = this.interruption;
    const { purpose, resolved } = plan;
    const { forwards } = lending;
    const { exitOnFailure } = resolved.forwards;
    await forwards.start(
      plan.forwards,
      exitOnFailure || (purpose.kind === 'forwards' && plan.forwards.length === 1),
    );
    await this.listenForControl(lending, plan);
    if (isInBackground) becomeBackground();
    if (purpose.kind === 'session' || purpose.kind === 'subsystem') {
      const status = await this.runOn(ownHost(client, forwards, signal), plan, purpose);
      if (isInBackground && plan.persistsFor !== undefined) await lending.persist(plan.persistsFor);
      await lending.untilReturned();
      return status;
    }
    if (purpose.kind === 'forwards') {
      if (plan.forwards.length > 0 && forwards.count === 0) {
        throw optionsError('no forward stands, and there is nothing else to do');
      }
      await lending.stay();
      return 0;
    }
    await whileConnected(client, signal, () => joinStdio(client, purpose.to, signal));
    return 0;
  }

  private lendingOf(client: Client, { resolved }: SessionPlan): Lending {
    const { trace, messages, interruption } = this;
    const { signal } = interruption;
    const { permitRemoteOpen } = resolved.forwards;
    const { family } = resolved.options;
    const context = { trace, messages, signal, permitRemoteOpen, family };
    this.lending = new Lending(client, signal, (onConnectionEnd) => {
      return new Forwards(client, { ...context, onConnectionEnd });
    });
    return this.lending;
  }

  private async runOn(
    host: SessionHost,
    plan: SessionPlan,
    purpose: RemotePurpose,
    started: () => void = () => {},
  ): Promise<number> {
    const { trace, messages, interruption } = this;
    const { signal } = interruption;
    const remote = await Remote.start(host, plan, purpose, { trace, messages, signal });
    started();
    this.wasOnTerminal = remote.onTerminal;
    const end = (): void => {
      remote.kill(interruption.cause ?? 'SIGTERM');
      host.close();
    };
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const release = remote.attach(messages, () => {
      this.isDisconnected = true;
      host.destroy();
    });
    const began = performance.now();
    try {
      const output = await remote.output();
      trace.finish('command', performance.now() - began, describeExit(output.exit));
      release();
      return await this.report(output, host, remote.onTerminal);
    } finally {
      release();
      signal.removeEventListener('abort', end);
    }
  }

  private async report(output: RemoteOutput, host: SessionHost, onTerminal: boolean): Promise<number> {
    const { line, messages, trace } = this;
    const { status, message } = exitVerdict(output.exit);
    const { own } = host;
    if (line.json && own !== undefined) {
      await printLine(jsonResult({ ...output, negotiated: own.client.negotiated }, trace.timings));
    } else if (message !== undefined) messages.complain(message);
    if (onTerminal && !line.json && messages.level === 'all') {
      messages.block(`${own === undefined ? 'Shared connection' : 'Connection'} to ${line.host} closed.`);
    }
    return status;
  }
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
