/**
 * How long each phase took, for -v and --json.
 *
 * Owns: the timings of one connection and the lines that tell of them. Every line
 * begins with the time since the program began: one clock for all of them.
 * Must not know: sockets, arguments.
 */

import type { SshError, SshErrorPhase } from '../../base/errors.ts';
import { type ConnectionObserver, observeConnections, type RegisteredConnection } from '../../io/registry.ts';
import type { ConnectionSnapshot } from '../../io/snapshots.ts';
import { tenths } from '../figures.ts';
import type { Messages } from '../messages.ts';

/** What is timed: the phases of the dial, the start of the command, the command, and all of it. */
export type TimedPhase =
  | 'connect'
  | 'identification'
  | 'keyExchange'
  | 'authentication'
  | 'channel'
  | 'command'
  | 'total';

/** Milliseconds of each phase that came to its end. */
export type Timings = { readonly [Phase in TimedPhase]?: number };

const dialPhases: ReadonlySet<string> = new Set<TimedPhase>([
  'connect',
  'identification',
  'keyExchange',
  'authentication',
]);

/** Before each line that a ProxyCommand writes to its standard error. */
const proxySays = 'proxyCommand says: ';

const verbosities: Readonly<Record<string, number>> = { DEBUG: 1, DEBUG1: 1, DEBUG2: 2, DEBUG3: 2 };

/** How much LogLevel lets be told. */
export function verbosityOf(logLevel: string): number {
  return verbosities[logLevel] ?? 0;
}

export class Trace implements ConnectionObserver {
  /** 0 for nothing, 1 for a line a phase, 2 for all that the connection tells. */
  verbosity: number;
  private readonly messages: Messages;
  private readonly now: () => number;
  private readonly started: number;
  private readonly phases: { [Phase in TimedPhase]?: number } = {};
  private connection: RegisteredConnection | undefined;
  private last: ConnectionSnapshot | undefined;
  private detail = '';

  constructor(verbosity: number, messages: Messages, now: () => number = () => performance.now()) {
    this.verbosity = verbosity;
    this.messages = messages;
    this.now = now;
    this.started = now();
  }

  /** Watches the first connection that is opened from now on; the returned function stops that. */
  watch(): () => void {
    return observeConnections(this);
  }

  /**
   * A line of the connection's own. The last one before a phase ends tells how it
   * ended; a warning, or a note, is for those as well who asked for no lines.
   */
  debug(line: string): void {
    // With ssh its standard error is that of the command; mosh reads the address of the host there.
    if (line.startsWith(proxySays)) return this.messages.block(line.slice(proxySays.length));
    if (/^(?:warning|note): /.test(line))
      return this.verbosity === 0 ? this.messages.say(line) : this.say(line);
    this.detail = line;
    // New keys during a session are the end of a phase as well.
    const isAnew = this.phases.keyExchange !== undefined && line.startsWith('keys exchanged: ');
    if (this.verbosity >= (isAnew ? 1 : 2)) this.say(line);
  }

  /** Something about the program itself that -v shows. */
  note(line: string): void {
    if (this.verbosity >= 1) this.say(line);
  }

  /** A phase ended. */
  finish(phase: TimedPhase, elapsed: number, detail: string): void {
    this.phases[phase] = tenths(elapsed);
    if (this.verbosity < 1) return;
    const took = `took ${shortMilliseconds(elapsed)}`;
    this.say(`${titles[phase].padEnd(titleWidth)}  ${took}${detail === '' ? '' : `: ${detail}`}`);
  }

  /** Milliseconds since the program began. */
  get elapsed(): number {
    return this.now() - this.started;
  }

  /** Of the connection while it lives, or as it was at its end. */
  get bytesReceived(): number {
    return (this.last ?? this.connection?.snapshot())?.bytesReceived ?? 0;
  }

  get timings(): Timings {
    return { ...this.phases, total: tenths(this.elapsed) };
  }

  /** What -v adds to the message of an error: how far it got, what was waited for and what came. */
  failed(error: SshError): void {
    if (this.verbosity < 1) return;
    const { phase, code, waitingFor, elapsed, deadline } = error;
    const waited =
      waitingFor === undefined
        ? ''
        : `, waiting for ${waitingFor}${elapsed === undefined ? '' : ` for ${shortMilliseconds(elapsed)}`}${deadline === undefined ? '' : ` of ${shortMilliseconds(deadline)}`}`;
    const received = error.bytesReceived ?? this.bytesReceived;
    this.say(`failed in ${titles[phase]}${waited}, ${received} bytes received (${code})`);
  }

  private say(line: string): void {
    this.messages.say(`${shortMilliseconds(this.elapsed).padStart(10)}  ${line}`);
  }

  // ConnectionObserver ------------------------------------------------------------------

  opened(connection: RegisteredConnection): void {
    this.connection ??= connection;
  }

  phaseChanged(
    connection: RegisteredConnection,
    from: SshErrorPhase,
    to: SshErrorPhase,
    elapsed: number,
  ): void {
    if (connection !== this.connection || to === 'close' || !dialPhases.has(from)) return;
    // With -vv the detail has just been told by itself.
    this.finish(from as TimedPhase, elapsed, this.verbosity >= 2 ? '' : this.detail);
  }

  ended(connection: RegisteredConnection, _cause: SshError, last: ConnectionSnapshot): void {
    if (connection === this.connection) this.last = last;
  }
}

const titles: { readonly [Phase in TimedPhase | SshErrorPhase]: string } = {
  options: 'options',
  connect: 'connect',
  identification: 'identification',
  keyExchange: 'key exchange',
  authentication: 'authentication',
  connection: 'connection',
  channel: 'channel',
  command: 'command',
  close: 'close',
  total: 'total',
};

const titleWidth = Math.max(...Object.values(titles).map(({ length }) => length));

function shortMilliseconds(value: number): string {
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}
