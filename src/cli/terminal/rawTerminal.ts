/**
 * The local terminal while a remote one is on it.
 *
 * Owns: raw mode and the way back from it, its size and its modes.
 * Must not know: sessions, keys.
 */
import { spawnSync } from 'node:child_process';
import type { ReadStream, WriteStream } from 'node:tty';
import { parseSttyModes } from './ttyModes.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The terminal on standard input. */
export class RawTerminal {
  private readonly input: ReadStream;
  private entered = false;

  constructor(input: ReadStream) {
    this.input = input;
  }

  /**
   * Every key goes to the server and its output to the screen as it is. Node's
   * raw mode leaves output processing on, which would turn a line feed that only
   * means "down" into the start of a new line.
   */
  enter(): void {
    if (this.entered) return;
    this.entered = true;
    this.input.setRawMode(true);
    stty(['-opost']);
  }

  /** As it was before. Where this process ends without this call, Node does the same. */
  leave(): void {
    if (!this.entered) return;
    this.entered = false;
    this.input.setRawMode(false);
  }
}

/** Modes of the terminal on standard input, by their names in RFC 4254 §8; none where stty is missing. */
export function terminalModes(): Record<string, number> {
  return parseSttyModes(stty(['-a']));
}

/** Size of the first of these streams that is a terminal; undefined where none is. */
export function terminalSize(streams: readonly WriteStream[]): TerminalSize | undefined {
  for (const stream of streams) {
    if (!stream.isTTY) continue;
    const [columns, rows] = stream.getWindowSize();
    // A terminal that nobody has told its size says 0.
    if (columns > 0 && rows > 0) return { columns, rows };
  }
  return undefined;
}

function stty(args: readonly string[]): string {
  // Windows has no stty, and a terminal there needs none of this.
  const { stdout } = spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  return stdout ?? '';
}
