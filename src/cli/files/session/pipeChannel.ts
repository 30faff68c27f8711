/**
 * SFTP over the pipes of a program: a server that runs here, or an ssh of the user's choice.
 *
 * Owns: the program's start and end, the bytes in both directions.
 * Must not know: SFTP.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { emptyBytes, escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { defaultTimeouts } from '../../../base/timeouts.ts';
import type { Wait } from '../../../base/waits.ts';
import type { Clock } from '../../../io/clock.ts';
import type { CallBounds, CallOptions, ChannelListener, SftpChannel } from '../../../sftp/seam/channel.ts';
import { PipeWaits } from './pipeWaits.ts';

export interface PipeOptions {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** What messages call the other side. */
  readonly host: string;
  readonly clock: Clock;
  readonly timeouts?: PipeTimeouts;
  /** It may ask its user on the terminal, as an ssh does. */
  readonly needsTerminal?: boolean;
}

/** Milliseconds. */
export interface PipeTimeouts {
  /** To the first byte: an ssh may have to ask its user for a password. */
  readonly greeting: number;
  readonly request: number;
  readonly close: number;
}

const usualTimeouts: PipeTimeouts = {
  greeting: 120_000,
  request: defaultTimeouts.request,
  close: defaultTimeouts.close,
};

/** Milliseconds between telling a program that nothing follows and ending it. */
const patience = 1_000;

export class PipeChannel implements SftpChannel {
  readonly host: string;
  readonly remoteIdentification = '';
  /** This side has told the program to end. */
  isGivenUp = false;
  /** Resolves with why, once the program has ended. */
  readonly closed: Promise<SshError>;
  private readonly clock: Clock;
  private readonly timeouts: PipeTimeouts;
  private readonly child: ChildProcess;
  private readonly waits: PipeWaits;
  private readonly chunks: Uint8Array[] = [];
  private listener: ChannelListener | undefined;
  private cause: SshError | undefined;
  private hasSpoken = false;
  private isEnded = false;

  constructor({ argv, host, clock, timeouts = usualTimeouts, needsTerminal = false }: PipeOptions) {
    const [program = '', ...args] = argv;
    this.host = host;
    this.clock = clock;
    this.timeouts = timeouts;
    this.waits = new PipeWaits(clock, host);
    // Ctrl-C gives up a command, and not the program that carries it out: one that needs no terminal is away from it, one that does hears no SIGINT. Errors are the user's to read.
    const stdio = ['pipe', 'pipe', 'inherit'] as const;
    this.child = needsTerminal
      ? spawn('/bin/sh', ['-c', 'trap "" INT; exec "$@"', 'sh', program, ...args], { stdio: [...stdio] })
      : spawn(program, args, { stdio: [...stdio], detached: true });
    this.closed = this.watch(program);
  }

  /** There is no address to name: the program is on this machine. */
  addressed(error: SshError): SshError {
    return error;
  }

  /** A program is no connection of this process. */
  show(): undefined {}

  now(): number {
    return this.clock.now();
  }

  /** Resolves after what the event loop has at hand. */
  pause(): Promise<void> {
    return new Promise((resolve) => void this.clock.afterPoll(resolve));
  }

  listen(listener: ChannelListener): void {
    this.listener = listener;
    if (this.chunks.length > 0) listener.readable();
    if (this.isEnded) listener.ended();
    if (this.cause !== undefined) listener.failed(this.cause);
  }

  take(): Uint8Array | undefined {
    const chunk = this.chunks.shift();
    if (this.chunks.length === 0) this.child.stdout?.resume();
    return chunk;
  }

  write(parts: readonly Uint8Array[], done: (error?: Error) => void): void {
    const { stdin } = this.child;
    if (stdin === null || stdin.destroyed) return done(this.cause ?? ended(this.host));
    stdin.cork();
    for (const part of parts.slice(0, -1)) stdin.write(part);
    stdin.write(parts.at(-1) ?? emptyBytes, (error) => {
      if (error === undefined || error === null) return done();
      // What a program said before it went tells more than that it reads no longer: that comes first.
      void this.closed.then(done);
    });
    stdin.uncork();
  }

  /** It goes where this program's own errors go. */
  errorOutput(): Uint8Array {
    return emptyBytes;
  }

  /** A program whose input has ended goes by itself; one that does not is ended. */
  close(): void {
    const { child, clock } = this;
    this.isGivenUp = true;
    child.stdin?.end();
    child.stdout?.resume();
    const timer = clock.schedule(clock.now() + patience, { due: () => void child.kill('SIGKILL') });
    child.once('close', () => timer.cancel());
    if (this.cause !== undefined) timer.cancel();
  }

  startWait(detail: string, onExpire: () => void): Wait {
    const { greeting, request } = this.timeouts;
    return this.waits.startWait('request', detail, this.hasSpoken ? request : greeting, onExpire);
  }

  startCloseWait(detail: string, onExpire: () => void): Wait {
    return this.waits.startWait('close', detail, this.timeouts.close, onExpire);
  }

  finishWait(wait: Wait): void {
    this.waits.finishWait(wait);
  }

  timeoutError(wait: Wait): SshError {
    return this.waits.timeoutError(wait);
  }

  bounds(detail: string, { timeout = Number.POSITIVE_INFINITY, signal }: CallOptions): CallBounds {
    return this.waits.scope({ name: 'request', detail, timeout, signal });
  }

  private watch(program: string): Promise<SshError> {
    const { child } = this;
    // Anybody who writes is told by the callback of the write.
    child.stdin?.on('error', () => {});
    child.stdout?.on('data', (chunk: Uint8Array) => {
      this.hasSpoken = true;
      this.chunks.push(chunk);
      // Nothing more is read before this has been taken.
      child.stdout?.pause();
      this.listener?.readable();
    });
    child.stdout?.once('end', () => {
      this.isEnded = true;
      this.listener?.ended();
    });
    return new Promise((resolve) => {
      const end = (cause: SshError): void => {
        if (this.cause !== undefined) return;
        this.cause = cause;
        this.waits.end(cause);
        this.listener?.failed(cause);
        resolve(cause);
      };
      child.once('error', (error) => {
        const message = `${escapeText(program)} cannot be run: ${error.message}`;
        end(new SshError('ERR_SSH_CONNECT', message, { phase: 'connect', origin: 'local', cause: error }));
      });
      child.once('close', (code, signal) => end(ended(this.host, code, signal)));
    });
  }
}

function ended(host: string, code?: number | null, signal?: string | null): SshError {
  const bySignal = typeof signal === 'string' ? ` by ${signal}` : '';
  const how = code === undefined || code === null || code === 0 ? bySignal : ` with status ${code}`;
  return new SshError('ERR_SSH_CHANNEL_CLOSED', `the connection to ${host} has ended${how}`, {
    phase: 'connection',
    origin: 'peer',
  });
}
