/**
 * What this program says about itself, on standard error.
 *
 * Owns: the form of its lines, also while the terminal is raw.
 * Must not know: what is said. Text of a peer comes here escaped.
 */

/** The name lines begin with. */
const program = 'deadline-ssh';

export class Messages {
  /** A terminal in raw mode moves down by a line feed and not to the left. */
  raw = false;
  private readonly sink: { write(text: string): unknown };

  constructor(sink: { write(text: string): unknown }) {
    this.sink = sink;
  }

  /** A line of this program. */
  say(text: string): void {
    this.block(`${program}: ${text}`);
  }

  /** A text of one or several lines, as it is. */
  block(text: string): void {
    const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
    this.sink.write(lines.map((line) => `${line}${this.raw ? '\r\n' : '\n'}`).join(''));
  }
}
