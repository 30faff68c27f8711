/**
 * What this program says about itself.
 *
 * Owns: the form of its lines, also while the terminal is raw; which of them are
 * said, and where to: standard error, or a file.
 * Must not know: what is said. Text of a peer comes here escaped.
 */

/** The name lines begin with. */
const program = 'deadline-ssh';

interface Sink {
  write(text: string): unknown;
}

export class Messages {
  /** A terminal in raw mode moves down by a line feed and not to the left. */
  raw = false;
  /** `errors`: only what ends the program is said. */
  level: 'none' | 'errors' | 'all' = 'all';
  private readonly sink: Sink;
  private log: Sink | undefined;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  /** Lines of this program go there from now on; texts for the terminal do not. */
  logTo(sink: Sink): void {
    this.log = sink;
  }

  /** A line of this program. */
  say(text: string): void {
    if (this.level === 'all') this.line(text);
  }

  /** Why this program ends. */
  complain(text: string): void {
    if (this.level !== 'none') this.line(text);
  }

  /** A text of one or several lines for the terminal, as it is. */
  block(text: string): void {
    const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
    this.sink.write(lines.map((line) => `${line}${this.raw ? '\r\n' : '\n'}`).join(''));
  }

  private line(text: string): void {
    if (this.log === undefined) this.block(`${program}: ${text}`);
    else this.log.write(`${program}: ${text}\n`);
  }
}
