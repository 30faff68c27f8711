/**
 * One session channel from the serving side.
 *
 * Owns: RFC 4254 §6: what may be asked before and while a process runs.
 * Must not know: other channels, authentication.
 */

import type { Limits } from '../base/limits.ts';
import { askUser, tellUser } from '../endpoint/calls/userCode.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { StreamFactory } from '../endpoint/streams.ts';
import type { LookAtSftp, ShownSftp } from '../io/shownSftp.ts';
import { env, exec, ptyReq, shell, signal, subsystem, windowChange } from '../message/channelRequest.ts';
import { terminalModes } from '../message/terminalModes.ts';
import { WireReader } from '../wire/reader.ts';
import type { ServerOptions } from './options.ts';
import { ServerProcess, type Terminal } from './serverProcess.ts';
import { SftpSubsystem, type SubsystemWaits } from './sftpSubsystem.ts';

export interface ServerSessionParts {
  readonly port: ChannelPort;
  readonly streams: StreamFactory;
  readonly username: string;
  readonly options: ServerOptions;
  readonly report: (error: unknown) => void;
  readonly limits: Limits;
  /** What the client calls itself. */
  readonly identification: string;
  readonly waits: SubsystemWaits;
  /** Shows a session of SFTP in reports of the connection. */
  readonly showSftp: (look: LookAtSftp) => ShownSftp;
}

type Handler = (process: ServerProcess) => number | undefined | Promise<number | undefined>;

/** Environment variables a client may set, and the characters of all of them. */
const maximumVariables = 256;
const maximumEnvironment = 64 * 1024;
/** Status of a process whose handler failed, as of a command that cannot be run. */
const handlerFailed = 255;

export class ServerSession {
  private readonly parts: ServerSessionParts;
  private readonly environment = new Map<string, string>();
  private environmentSize = 0;
  private terminal: Terminal | undefined;
  private process: ServerProcess | undefined;
  private handler: Handler | undefined;
  private sftp: SftpSubsystem | undefined;
  private begun = false;

  constructor(parts: ServerSessionParts) {
    this.parts = parts;
  }

  /**
   * Whether the request is granted.
   *
   * @throws SshError `ERR_SSH_DECODE`
   */
  request(requestType: string, payload: Uint8Array): boolean {
    switch (requestType) {
      case env.name:
        return this.setVariable(payload);
      case ptyReq.name:
        return this.allocateTerminal(payload);
      case exec.name: {
        const { command } = exec.fromBytes(payload);
        const { exec: run } = this.parts.options;
        return this.prepare(run === undefined ? undefined : (process) => run(process, command));
      }
      case shell.name:
        return this.prepare(this.parts.options.shell);
      case subsystem.name: {
        const { subsystemName } = subsystem.fromBytes(payload);
        const { subsystems = {}, sftp } = this.parts.options;
        if (subsystemName === 'sftp' && sftp !== undefined) return this.prepareSftp(sftp);
        return this.prepare(Object.hasOwn(subsystems, subsystemName) ? subsystems[subsystemName] : undefined);
      }
      case windowChange.name:
        return this.changeWindow(payload);
      case signal.name:
        return this.takeSignal(payload);
      default:
        return false;
    }
  }

  /** Starts what was granted, after the grant was sent. */
  begin(): void {
    const { handler, process, sftp } = this;
    if (sftp !== undefined && !this.begun) {
      this.begun = true;
      return sftp.start();
    }
    if (handler === undefined || process === undefined || this.begun) return;
    this.begun = true;
    void this.serve(handler, process);
  }

  private async serve(handler: Handler, process: ServerProcess): Promise<void> {
    try {
      const code = await askUser('the handler', () => handler(process));
      await process.exit(code ?? 0);
    } catch (error) {
      if (process.signal.aborted) return;
      this.parts.report(error);
      await process.exit(handlerFailed).catch((failure: unknown) => this.parts.report(failure));
    }
  }

  private prepare(handler: Handler | undefined): boolean {
    if (handler === undefined || this.isTaken) return false;
    const { port, streams, username } = this.parts;
    this.handler = handler;
    this.process = new ServerProcess({
      port,
      streams,
      username,
      env: this.environment,
      terminal: this.terminal,
    });
    return true;
  }

  private prepareSftp(sftp: NonNullable<ServerOptions['sftp']>): boolean {
    if (this.isTaken) return false;
    this.sftp = new SftpSubsystem({ ...this.parts, show: this.parts.showSftp, sftp });
    return true;
  }

  /** A channel has one process (RFC 4254 §6.5). */
  private get isTaken(): boolean {
    return this.handler !== undefined || this.sftp !== undefined;
  }

  private changeWindow(payload: Uint8Array): boolean {
    const size = windowChange.fromBytes(payload);
    if (this.terminal === undefined) return false;
    this.tell('onResize', () => this.process?.onResize?.(size));
    return true;
  }

  private takeSignal(payload: Uint8Array): boolean {
    const { signalName } = signal.fromBytes(payload);
    this.tell('onSignal', () => this.process?.onSignal?.(signalName));
    return this.process !== undefined;
  }

  /** What a listener throws is its own fault, not its client's. */
  private tell(name: string, listener: () => void): void {
    tellUser(name, listener, (fault) => this.parts.report(fault));
  }

  private setVariable(payload: Uint8Array): boolean {
    const { variableName, variableValue } = env.fromBytes(payload);
    const before = this.environment.get(variableName);
    const others = this.environmentSize - (before === undefined ? 0 : variableName.length + before.length);
    const size = others + variableName.length + variableValue.length;
    if (this.isTaken || size > maximumEnvironment) return false;
    if (before === undefined && this.environment.size >= maximumVariables) return false;
    this.environmentSize = size;
    this.environment.set(variableName, variableValue);
    return true;
  }

  private allocateTerminal(payload: Uint8Array): boolean {
    const { term, columns, rows, widthPixels, heightPixels, encodedTerminalModes } =
      ptyReq.fromBytes(payload);
    if (this.terminal !== undefined || this.isTaken) return false;
    const modes = terminalModes.decode(new WireReader(encodedTerminalModes));
    this.terminal = {
      term,
      columns,
      rows,
      widthPixels,
      heightPixels,
      modes: new Map(modes.map(({ opcode, argument }) => [opcode, argument])),
    };
    return true;
  }
}
