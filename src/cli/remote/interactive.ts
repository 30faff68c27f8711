/**
 * A remote terminal on the local one.
 *
 * Owns: raw mode for as long as the session lasts, the escapes, the size that
 * follows the local window.
 * Must not know: how the session was started, exit statuses.
 */
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { SessionSettings } from '../../config/session.ts';
import type { ConnectionSnapshot } from '../../io/snapshots.ts';
import { messageOf } from '../errorWords.ts';
import type { Messages } from '../messages.ts';
import { type EscapeAction, EscapeReader, escapeHelp } from '../terminal/escapes.ts';
import { type OutputGate, pumpInput } from '../terminal/pumps.ts';
import { RawTerminal, terminalSize } from '../terminal/rawTerminal.ts';
import { EscapeCommandLine } from './escapeCommandLine.ts';
import type { ListenSettings } from './forwardSpecs.ts';
import type { SessionHost } from './sessionHost.ts';
import type { SessionProcess } from './shared/sharedProcess.ts';

export interface TerminalContext {
  readonly messages: Messages;
  /** Undefined where the connection is another program's. */
  readonly own: SessionHost['own'];
  readonly session: Pick<SessionSettings, 'escapeChar' | 'escapeCommandline'>;
  /** For forwards that are added. */
  readonly listening: ListenSettings;
  /** Holds the output of the session back while its command line is open. */
  readonly gate: OutputGate;
  disconnect(): void;
}

/** Gives the terminal to the session; the returned function takes it back. */
export function attachTerminal(
  remote: SessionProcess,
  { messages, own, session, listening, gate, disconnect }: TerminalContext,
): () => void {
  const terminal = new RawTerminal(process.stdin);
  const escapes = new EscapeReader(escapeByte(session.escapeChar));
  let prompt: EscapeCommandLine | undefined;
  const act = (action: EscapeAction): void => {
    switch (action) {
      case 'disconnect':
        return disconnect();
      case 'help':
        return messages.block(`\n${escapeHelp}`);
      case 'suspend':
        return suspend(terminal, messages);
      default:
        if (own === undefined)
          messages.block('\nthe connection is that of another program; -O tells it things');
        else actOn(own, action);
    }
  };
  const actOn = (
    { client, forwards }: NonNullable<SessionHost['own']>,
    action: Exclude<EscapeAction, 'disconnect' | 'help' | 'suspend'>,
  ): void => {
    switch (action) {
      case 'rekey':
        return rekey(client, messages);
      case 'report':
        return messages.block(`\n${report(client.inspect())}`);
      case 'forwards':
        return messages.block(`\n${forwards.describe()}`);
      case 'commandLine':
        if (session.escapeCommandline) {
          prompt = new EscapeCommandLine(forwards, messages, listening);
          gate.close();
        } else messages.block('\nthe command line is off; -o EnableEscapeCommandline=yes turns it on');
        return;
      default:
        return action satisfies never;
    }
  };
  const take = (chunk: Uint8Array): Uint8Array[] => {
    if (prompt !== undefined) {
      const rest = prompt.receive(chunk);
      if (rest === undefined) return [];
      prompt = undefined;
      gate.open();
      return take(rest);
    }
    const pieces: Uint8Array[] = [];
    for (const piece of escapes.receive(chunk)) {
      if (typeof piece === 'string') act(piece);
      else if (prompt === undefined) pieces.push(piece);
      else pieces.push(...take(piece));
    }
    return pieces;
  };
  const stopInput = pumpInput(process.stdin, remote.stdin, take);
  const stopResizing = followSize(remote);
  enter(terminal, messages);
  const open = (): void => gate.open();
  // A person who types on when the session has ended is not waited for.
  remote.exit.then(open, open);
  return () => {
    open();
    stopInput();
    stopResizing();
    leave(terminal, messages);
  };
}

/** `~`, `^x`, or a character; undefined for none. */
function escapeByte(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text.length === 2 && text.startsWith('^') ? text.charCodeAt(1) & 0x1f : text.charCodeAt(0);
}

/** Tells the server each new size of the terminal; the returned function stops that. */
export function followSize(session: SessionProcess): () => void {
  const resize = (): void => {
    const size = terminalSize([process.stdout, process.stderr]);
    if (size === undefined) return;
    try {
      session.resize(size.columns, size.rows);
    } catch (error) {
      // The session may have ended a moment ago; its end is told elsewhere.
      if (!(error instanceof SshError)) throw error;
    }
  };
  process.on('SIGWINCH', resize);
  const stop = (): void => void process.off('SIGWINCH', resize);
  session.exit.then(stop, stop);
  return stop;
}

/** What a connection is doing, in lines for a person. */
export function report(snapshot: ConnectionSnapshot): string {
  const { target, phase, age, bytesReceived, bytesSent, lastMessage, remoteIdentification } = snapshot;
  const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;
  return [
    `connection to ${target}, ${remoteIdentification ?? 'not identified'}`,
    `  ${phase} after ${seconds(age)}, ${bytesReceived} bytes received, ${bytesSent} sent, last message ${lastMessage ?? 'none'}`,
    ...snapshot.channels.map(
      ({ id, type, state, sendWindow, receiveWindow, unread, unsent }) =>
        `  channel ${id} (${type}, ${state}): windows ${sendWindow} to send, ${receiveWindow} to receive; ${unread} bytes unread, ${unsent} unsent`,
    ),
    ...snapshot.waits.map(({ waitingFor, elapsed, remaining }) => {
      const until = Number.isFinite(remaining) ? `, ${seconds(remaining)} left` : '';
      return `  waiting for ${waitingFor} since ${seconds(elapsed)}${until}`;
    }),
  ].join('\n');
}

function rekey(client: Client, messages: Messages): void {
  client.rekey().then(
    () => messages.block(`\nnew keys are in use`),
    (error: unknown) => messages.block(`\nno new keys: ${messageOf(error)}`),
  );
}

/** Stops this process as the terminal would have for Ctrl-Z; goes on when it is continued. */
function suspend(terminal: RawTerminal, messages: Messages): void {
  leave(terminal, messages);
  process.once('SIGCONT', () => enter(terminal, messages));
  process.kill(process.pid, 'SIGTSTP');
}

function enter(terminal: RawTerminal, messages: Messages): void {
  terminal.enter();
  messages.raw = true;
}

function leave(terminal: RawTerminal, messages: Messages): void {
  terminal.leave();
  messages.raw = false;
}
