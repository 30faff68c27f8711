/**
 * What a command in this process has printed so far.
 *
 * Owns: the text, and waits for more of it.
 * Must not know: what is printed.
 */
export class Screen {
  text = '';
  private waiting: (() => void)[] = [];
  private seen = 0;

  /** Takes what is printed. */
  readonly take = (text: string): void => {
    this.text += text;
    for (const wake of this.waiting.splice(0)) wake();
  };

  /** Resolves once a text is there, behind what was waited for before, with all that led to it. */
  async shows(text: string | RegExp): Promise<string> {
    for (;;) {
      const rest = this.text.slice(this.seen);
      const found = typeof text === 'string' ? rest.indexOf(text) : rest.search(text);
      if (found >= 0) {
        const { length } = typeof text === 'string' ? text : (text.exec(rest)?.[0] ?? '');
        this.seen += found + length;
        return rest.slice(0, found + length);
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }
}
