/**
 * A link over the stdin and stdout of a program, for `proxyCommand`.
 *
 * Owns: the program and all processes that it started: they end with the link. What
 * it says on stderr, and what its end means.
 * Must not know: SSH, what the program is for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { escapeText, latin1Decode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { shortageIn } from '../../base/shortage.ts';
import type { CommandStart } from '../../client/platform.ts';
import type { Timer } from '../../io/clock.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from '../../io/link.ts';
import { nodeClock } from '../clock.ts';
import { makePipes, type ProgramPipes } from './pipes.ts';

/**
 * Starts the program of a `proxyCommand`.
 *
 * @param shell what runs a command that is one string; that of the system where not given
 */
export function commandLink(start: CommandStart, shell?: string): LinkOpener {
  return (receiver) => new CommandLink(start, receiver, shell);
}

/** Bytes given to the program before the writer is told to wait. */
const writeAhead = 256 * 1024;
/** Characters of a line of stderr. */
const longestLine = 512;
/** Milliseconds between the end of a program's output and the end of the program, which says why. */
const lastWords = 200;

const noAddresses: LinkAddresses = {
  localAddress: undefined,
  localPort: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
};

class CommandLink implements Link {
  private readonly start: CommandStart;
  private readonly receiver: LinkReceiver;
  private readonly shell: string | undefined;
  private state: 'starting' | 'running' | 'over' = 'starting';
  private child: ChildProcess | undefined;
  private toProgram: Writable | undefined;
  private fromProgram: Readable | undefined;
  private unsent = 0;
  private hasSpoken = false;
  private isGone = false;
  private isClosed = false;
  private outputEnded = false;
  private stderrEnded = false;
  private ending: Timer | undefined;
  private stderrLine = '';
  /** The last line that is not empty. */
  private lastLine = '';

  constructor(start: CommandStart, receiver: LinkReceiver, shell: string | undefined) {
    this.start = start;
    this.receiver = receiver;
    this.shell = shell;
    void this.begin();
  }

  // Link ------------------------------------------------------------------------------

  write(bytes: Uint8Array): boolean {
    const { toProgram } = this;
    if (toProgram === undefined || toProgram.destroyed || toProgram.writableEnded) return false;
    this.unsent += bytes.length;
    toProgram.write(bytes, () => {
      this.unsent -= bytes.length;
      this.receiver.written();
    });
    return this.unsent < writeAhead;
  }

  unsentBytes(): number {
    return this.unsent;
  }

  writeBacklog(): number {
    return this.unsent;
  }

  end(): void {
    if (this.toProgram?.writableEnded === false) this.toProgram.end();
  }

  destroy(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.ending?.cancel();
    this.toProgram?.destroy();
    this.fromProgram?.destroy();
    // The one who starts it sees that it is not wanted any more; one that could not be started says so.
    if (this.child?.pid === undefined) return;
    if (this.isGone) return this.gone();
    this.signal('SIGTERM');
    const { waits, closeTimeout } = this.start;
    const wait = waits.start('close', 'the proxy command to end', nodeClock.now(), closeTimeout, () => {
      waits.finish(wait);
      this.signal('SIGKILL');
    });
  }

  addresses(): LinkAddresses {
    return noAddresses;
  }

  progress(): string {
    return 'the proxy command has not started yet';
  }

  // The program -----------------------------------------------------------------------

  private async begin(): Promise<void> {
    const pipes = await makePipes();
    if (this.state === 'over') {
      for (const descriptor of Object.values(pipes ?? {})) closeSync(descriptor as number);
      return this.closed();
    }
    try {
      this.spawn(pipes);
    } catch (error) {
      this.notStarted(error as Error);
    }
  }

  private spawn(pipes: ProgramPipes | undefined): void {
    const { command } = this.start;
    const [program = '', ...args] = typeof command === 'string' ? [command] : command;
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        stdio: [pipes?.stdin ?? 'pipe', pipes?.stdout ?? 'pipe', 'pipe'],
        shell: typeof command === 'string' && (this.shell ?? true),
        // A group of its own, so that all it starts can be ended.
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
    } catch (error) {
      for (const descriptor of Object.values(pipes ?? {})) closeSync(descriptor as number);
      throw error;
    }
    if (pipes !== undefined) for (const descriptor of [pipes.stdin, pipes.stdout]) closeSync(descriptor);
    this.child = child;
    this.toProgram =
      pipes === undefined
        ? (child.stdin ?? undefined)
        : new Socket({ fd: pipes.toProgram, readable: false, writable: true });
    this.fromProgram =
      pipes === undefined
        ? (child.stdout ?? undefined)
        : new Socket({ fd: pipes.fromProgram, readable: true, writable: false });
    // A program that closes its stdin may still speak; one that ends is told of by its output.
    this.toProgram?.on('error', () => {});
    this.fromProgram?.on('data', (chunk: Buffer) => this.received(chunk));
    this.fromProgram?.on('error', () => this.outputOver());
    this.fromProgram?.on('close', () => this.outputOver());
    child.stderr?.on('data', (chunk: Buffer) => this.noted(latin1Decode(chunk)));
    child.stderr?.on('error', () => {});
    child.stderr?.on('close', () => {
      this.stderrEnded = true;
      this.tell();
    });
    child.once('error', (error) => this.notStarted(error));
    child.once('spawn', () => {
      if (this.state !== 'starting') return;
      this.state = 'running';
      this.receiver.connected();
    });
    child.once('exit', () => {
      this.isGone = true;
      if (this.state === 'over') this.gone();
      else this.tell();
    });
  }

  private received(chunk: Buffer): void {
    this.hasSpoken = true;
    this.receiver.received(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }

  private notStarted(error: Error): void {
    if (this.state === 'over') return this.closed();
    this.state = 'over';
    this.toProgram?.destroy();
    this.fromProgram?.destroy();
    const why = shortageIn(error) ?? escapeText(error.message, 200);
    this.receiver.ended(
      new SshError('ERR_SSH_CONNECT', `the proxy command could not be started: ${why}`, {
        phase: 'connect',
        origin: 'local',
        cause: error,
        hint: 'a command as one string is for the shell, a list is a program and its arguments',
      }),
    );
    this.closed();
  }

  // Its end ---------------------------------------------------------------------------

  private outputOver(): void {
    if (this.outputEnded || this.state === 'over') return;
    this.outputEnded = true;
    this.ending = nodeClock.schedule(nodeClock.now() + lastWords, { due: () => this.tell(true) });
    this.tell();
  }

  /** Nothing comes from it any more: tells why, once that is known, or it is waited for no longer. */
  private tell(isLast: boolean = false): void {
    const isKnown = this.isGone && this.stderrEnded;
    if (this.state === 'over' || !this.outputEnded || !(isKnown || isLast)) return;
    this.ending?.cancel();
    if (!this.hasSpoken) return this.receiver.ended(this.endError());
    this.receiver.ended(this.isGone && this.child?.exitCode !== 0 ? this.endError() : undefined);
  }

  private endError(): SshError {
    const { exitCode = null, signalCode = null } = this.child ?? {};
    this.noted('\n');
    const how =
      signalCode === null
        ? exitCode === null
          ? 'closed its output'
          : `ended with status ${exitCode}`
        : `was ended by ${signalCode}`;
    const said = this.hasSpoken ? '' : ' and had said nothing';
    const words = this.lastLine === '' ? '' : `: ${this.lastLine}`;
    return new SshError('ERR_SSH_CONNECT', `the proxy command ${how}${said}${words}`, {
      phase: 'connect',
      origin: 'local',
    });
  }

  /** Lines of its stderr, for people. */
  private noted(text: string): void {
    const lines = `${this.stderrLine}${text}`.split(/\r?\n/);
    this.stderrLine = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) {
      if (line.trim() === '') continue;
      this.lastLine = escapeText(line, longestLine);
      this.start.note(this.lastLine);
    }
  }

  /** To the program and all that it started. */
  private signal(name: 'SIGTERM' | 'SIGKILL'): void {
    const pid = this.child?.pid;
    if (pid === undefined) return;
    try {
      if (process.platform === 'win32') this.child?.kill(name);
      else process.kill(-pid, name);
    } catch {
      // There is nobody left.
    }
  }

  /** The program has ended, and the link is not wanted: what it started goes with it. */
  private gone(): void {
    this.signal('SIGKILL');
    this.child?.stderr?.destroy();
    this.closed();
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    // Never from within a call to the link.
    queueMicrotask(() => this.receiver.closed());
  }
}
