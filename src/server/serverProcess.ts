/**
 * A command, shell or subsystem as a server's handler sees it.
 *
 * Owns: RFC 4254 §6 from the serving side: streams, exit, the client's signals
 * and window sizes.
 * Must not know: how a process is asked for (`serverConnection.ts`).
 */
import { SshError } from '../base/errors.ts';
import { anyText, checkArgument, someText, wholeNumber } from '../base/optionChecks.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { WindowSize } from '../endpoint/options/windowSize.ts';
import type { Readable, StreamFactory, Writable } from '../endpoint/streams.ts';
import { exitSignal, exitStatus } from '../message/channelRequest.ts';

/** The terminal a client asked for. */
export interface Terminal extends WindowSize {
  /** Such as `xterm-256color`, as the client says. */
  readonly term: string;
  /** Modes by opcode (RFC 4254 §8). */
  readonly modes: ReadonlyMap<number, number>;
}

export interface ServerProcessParts {
  readonly port: ChannelPort;
  readonly streams: StreamFactory;
  readonly username: string;
  readonly env: ReadonlyMap<string, string>;
  readonly terminal: Terminal | undefined;
}

/**
 * What a handler serves. `stdout` and `stderr` are ended by `exit`; a handler
 * that returns exits with what it returned.
 */
export class ServerProcess {
  /** What the client sends. Its end is the client's end of file. */
  readonly stdin: Readable;
  /** What the client reads as stdout. */
  readonly stdout: Writable;
  /** What the client reads as stderr. */
  readonly stderr: Writable;
  /** Who has logged in. */
  readonly username: string;
  /** Variables that the client set. */
  readonly env: ReadonlyMap<string, string>;
  /** Undefined without a terminal. */
  readonly terminal: Terminal | undefined;
  /** Aborted when the client closes the channel or is gone. */
  readonly signal: AbortSignal;
  /** Told of a signal the client sends, without SIG in front. */
  onSignal: ((name: string) => void) | undefined;
  /** Told of a new size of the terminal. */
  onResize: ((size: WindowSize) => void) | undefined;
  private readonly port: ChannelPort;
  private exited = false;

  /** @internal */
  constructor(parts: ServerProcessParts) {
    const { port, streams, username, env, terminal } = parts;
    const aborter = new AbortController();
    this.port = port;
    this.username = username;
    this.env = env;
    this.terminal = terminal;
    this.signal = aborter.signal;
    this.stdin = streams.readable(port.data);
    this.stdout = streams.writable(port.outbound);
    this.stderr = streams.writable(port.outboundExtended);
    void port.closed.then((cause) => aborter.abort(cause ?? closedByClient()));
  }

  /**
   * Ends the process with a status, behind what was written. Once only; later calls do nothing.
   *
   * @param code from 0 to 4,294,967,295; programs on Unix have 255 at most
   * @throws SshError `ERR_SSH_OPTIONS` for anything else, as a rejection
   */
  exit(code: number): Promise<void> {
    return this.finish(exitStatus.name, () => {
      checkArgument('the status of exit', code, statuses);
      return exitStatus.toBytes({ exitStatus: code });
    });
  }

  /**
   * Ends the process as if by a signal.
   *
   * @param signalName without SIG in front: `TERM`
   * @param errorMessage for the person at the other end
   * @throws SshError `ERR_SSH_OPTIONS` for a name or a message that is not text, as a rejection
   */
  exitWithSignal(signalName: string, errorMessage: string = ''): Promise<void> {
    return this.finish(exitSignal.name, () => {
      checkArgument('the signal of exitWithSignal', signalName, someText);
      checkArgument('the message of exitWithSignal', errorMessage, anyText);
      return exitSignal.toBytes({ signalName, coreDumped: false, errorMessage, languageTag: '' });
    });
  }

  /** A handler may well not wait for it: that the client is gone by then ends nobody's process. */
  private finish(requestType: string, payloadOf: () => Uint8Array): Promise<void> {
    const finished = this.sayEnd(requestType, payloadOf);
    finished.catch(() => {});
    return finished;
  }

  private async sayEnd(requestType: string, payloadOf: () => Uint8Array): Promise<void> {
    if (this.exited) return;
    const payload = payloadOf();
    this.port.channel.checkRequest(requestType, payload);
    this.exited = true;
    await Promise.all([ended(this.stderr), ended(this.stdout)]);
    if (!this.signal.aborted) {
      this.port.act((channel) => {
        channel.request(requestType, payload, false);
      });
      this.port.close();
    }
    // What it has not read is nobody's any more.
    this.port.data.cancel();
  }
}

const statuses = wholeNumber(0, 0xffff_ffff);

/** Resolves when a stream has handed on all that was written, or broke. */
function ended(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableFinished) return resolve();
    stream.once('close', () => resolve());
    stream.end(() => resolve());
  });
}

function closedByClient(): SshError {
  return new SshError('ERR_SSH_CHANNEL_CLOSED', 'the client closed the channel', { origin: 'peer' });
}
