/**
 * A command, shell or subsystem on the server.
 *
 * Owns: RFC 4254 §6.2 to §6.10 as a user sees them: streams, exit, signals,
 * window size.
 * Must not know: windows of channels, messages in flight.
 */
import { escapeText } from '../../base/bytes.ts';
import { checkArgument, type OptionRule, wholeNumber } from '../../base/optionChecks.ts';
import type { Wait } from '../../base/waits.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import type { Duplex, Readable, StreamFactory, Writable } from '../../endpoint/streams.ts';
import {
  exitSignal,
  exitStatus,
  signal as signalRequest,
  windowChange,
} from '../../message/channelRequest.ts';

const signalRule: OptionRule = {
  takes: "the name of a signal, such as 'TERM'",
  accepts: (value) => typeof value === 'string' && /^(?:SIG)?[A-Z0-9@a-z.-]{1,64}$/.test(value),
};

const lengthRule = wholeNumber(0, 0xffff_ffff);

/** How a remote process ended. */
export interface ExitResult {
  /** Undefined where the server did not say: killed by a signal, or it closed the channel without a word. */
  readonly code: number | undefined;
  /** Name without SIG, such as `TERM`; undefined unless a signal ended it. */
  readonly signal: string | undefined;
  /** Whether it left a core dump. */
  readonly coreDumped: boolean;
  /** What the server says about the signal, escaped; often empty. */
  readonly errorMessage: string;
}

/** Collects what a server says about the end of a process. */
export class ExitCollector {
  /** Told once the server has said how the process ended. */
  onKnown: (() => void) | undefined;
  private code: number | undefined;
  private signal: string | undefined;
  private coreDumped = false;
  private errorMessage = '';

  /** @throws SshError `ERR_SSH_DECODE` for a malformed request */
  receive(requestType: string, payload: Uint8Array): boolean {
    if (requestType === exitStatus.name) {
      this.code = exitStatus.fromBytes(payload).exitStatus;
      this.onKnown?.();
      return true;
    }
    if (requestType !== exitSignal.name) return false;
    const { signalName, coreDumped, errorMessage } = exitSignal.fromBytes(payload);
    this.signal = escapeText(signalName.replace(/^SIG/, ''), 64);
    this.coreDumped = coreDumped;
    this.errorMessage = escapeText(errorMessage);
    this.onKnown?.();
    return true;
  }

  /** Whether the server has said how the process ended. */
  get isKnown(): boolean {
    return this.code !== undefined || this.signal !== undefined;
  }

  get result(): ExitResult {
    const { code, signal, coreDumped, errorMessage } = this;
    return { code, signal, coreDumped, errorMessage };
  }
}

/** What can be refused beside the command itself. */
export type RefusedRequest = 'terminal' | 'agent' | 'x11';

/** What a process is made from. */
export interface ProcessParts {
  readonly port: ChannelPort;
  readonly streams: StreamFactory;
  readonly exit: ExitCollector;
  /** Environment variables the server did not take. */
  readonly refusedEnv: readonly string[];
  readonly refused: readonly RefusedRequest[];
  readonly commandWait: Wait;
  readonly finishWait: (wait: Wait) => void;
}

/**
 * A running remote process. Streams that are not read hold the process back
 * once the channel's window is full; `stderr.resume()` drops what is not wanted.
 *
 * @example
 * ```ts
 * import type { Client } from 'deadline-ssh';
 * async function follow(client: Client): Promise<number | undefined> {
 *   const process = await client.exec('tail -f /var/log/syslog');
 *   process.stderr.resume();
 *   for await (const chunk of process.stdout) console.log(String(chunk));
 *   return (await process.exit).code;
 * }
 * ```
 */
export class RemoteProcess {
  /** What the command reads. `end()` is its end of file. */
  readonly stdin: Writable;
  /** What the command writes. Unread output stops the command, through the window of the channel. */
  readonly stdout: Readable;
  /** As `stdout`; empty with a terminal, where both are one. */
  readonly stderr: Readable;
  /**
   * Resolves when the process has ended and the channel is closed; rejects with
   * the cause when the connection ended first. A process whose server said
   * nothing has `code: undefined`.
   */
  readonly exit: Promise<ExitResult>;
  /** Names of environment variables that the server refused (sshd's AcceptEnv decides). */
  readonly refusedEnv: readonly string[];
  /** What the server refused beside the command, where the command still started; `exec` and `shell` reject then. */
  readonly refused: readonly RefusedRequest[];
  private readonly port: ChannelPort;

  constructor(parts: ProcessParts) {
    const { port, streams, exit, refusedEnv, refused, commandWait, finishWait } = parts;
    this.port = port;
    this.refusedEnv = refusedEnv;
    this.refused = refused;
    this.stdin = streams.writable(port.outbound);
    this.stdout = streams.readable(port.data);
    this.stderr = streams.readable(port.extended);
    this.exit = port.closed.then((cause) => {
      finishWait(commandWait);
      if (cause !== undefined) throw cause;
      return exit.result;
    });
    // Anybody who does not ask for the exit need not handle its failure.
    this.exit.catch(() => {});
  }

  /**
   * Sends a signal to the process (RFC 4254 §6.9); whether it arrives, the
   * server does not say. OpenSSH delivers signals from version 8.1 on.
   *
   * @param signal with or without SIG in front; TERM
   */
  kill(signal: string = 'TERM'): void {
    checkArgument('the signal of kill', signal, signalRule);
    const signalName = signal.replace(/^SIG/, '');
    this.port.act((channel) =>
      channel.request(signalRequest.name, signalRequest.toBytes({ signalName }), false),
    );
  }

  /** Tells the server the new size of the terminal (RFC 4254 §6.7). */
  resize(columns: number, rows: number, widthPixels: number = 0, heightPixels: number = 0): void {
    const size = { columns, rows, widthPixels, heightPixels };
    for (const [name, value] of Object.entries(size)) checkArgument(`${name} of resize`, value, lengthRule);
    const payload = windowChange.toBytes({ columns, rows, widthPixels, heightPixels });
    this.port.act((channel) => channel.request(windowChange.name, payload, false));
  }

  /** Closes the channel; the server ends or abandons the process. Resolves when that is done or its deadline has passed. */
  async close(): Promise<void> {
    this.port.close();
    await this.port.closed;
  }

  /** Ends the process and waits until its channel is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A duplex stream over a channel without an exit: a subsystem, a forwarded connection. */
export function channelStream(port: ChannelPort, streams: StreamFactory): Duplex {
  const stream = streams.duplex(port.data, port.outbound);
  // What a subsystem says on stderr has no place in a duplex stream and must not fill the window.
  port.extended.cancel();
  stream.once('close', () => port.close());
  return stream;
}
