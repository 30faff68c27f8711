/**
 * One line at the bottom of a terminal that says how things stand.
 *
 * Owns: drawing it, getting it out of the way of other output, and that nothing
 * of it stays.
 * Must not know: what it says.
 */

/** The terminal it is on. */
export interface StatusTerminal {
  readonly columns: number;
  write(text: string): unknown;
}

/** Milliseconds between two drawings. */
const interval = 100;
/** To the start of the line, and erase it. */
const erase = '\r\u001b[K';

export class StatusLine {
  private readonly terminal: StatusTerminal | undefined;
  private readonly text: () => string;
  private timer: ReturnType<typeof setInterval> | undefined;
  private isShown = false;
  private hidden = 0;

  /** @param terminal undefined where there is none: then nothing is ever drawn */
  constructor(terminal: StatusTerminal | undefined, text: () => string) {
    this.terminal = terminal;
    this.text = text;
  }

  start(): void {
    if (this.terminal === undefined || this.timer !== undefined) return;
    this.timer = setInterval(() => this.draw(), interval);
    this.draw();
  }

  /** Takes it off the screen; it comes back by itself while it has not been stopped. */
  clear(): void {
    if (!this.isShown) return;
    this.isShown = false;
    this.terminal?.write(erase);
  }

  /** Off the screen until the work has ended. */
  async hiddenWhile<T>(work: () => Promise<T>): Promise<T> {
    this.clear();
    this.hidden++;
    try {
      return await work();
    } finally {
      this.hidden--;
    }
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.clear();
  }

  private draw(): void {
    if (this.hidden > 0 || this.terminal === undefined) return;
    // A line as wide as the terminal would wrap on some, and could not be erased.
    const room = Math.max(1, (this.terminal.columns || 80) - 1);
    this.terminal.write(`${erase}${[...this.text()].slice(0, room).join('')}`);
    this.isShown = true;
  }
}
