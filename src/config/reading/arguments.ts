/**
 * The words of a line, taken one after the other.
 *
 * Owns: how many are left.
 * Must not know: what they mean.
 */
export class Arguments {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  /** Undefined behind the last one. */
  next(): string | undefined {
    return this.at < this.words.length ? this.words[this.at++] : undefined;
  }

  get left(): number {
    return this.words.length - this.at;
  }

  /** All that are left. */
  rest(): readonly string[] {
    const rest = this.words.slice(this.at);
    this.at = this.words.length;
    return rest;
  }
}
