/**
 * A person whose answers are known before.
 *
 * Owns: the answers, in their order, and the record of what was shown and asked.
 * Must not know: what is tested.
 */
import type { Person } from '../../../src/cli/connection/person.ts';

/** Answers from a list; what was shown and asked is in `transcript`, secret questions with a star. */
export class ScriptedPerson implements Person {
  transcript = '';
  columns = 80;
  private readonly answers: (string | undefined)[];

  constructor(...answers: readonly (string | undefined)[]) {
    this.answers = [...answers];
  }

  /** Answers that nobody has asked for. */
  get left(): number {
    return this.answers.length;
  }

  async ask(prompt: string): Promise<string | undefined> {
    this.transcript += `${prompt}|`;
    if (this.answers.length === 0) throw new Error(`nobody answers ${prompt}`);
    return this.answers.shift();
  }

  askSecretly(prompt: string): Promise<string | undefined> {
    return this.ask(`*${prompt}`);
  }

  show(text: string): void {
    this.transcript += text;
  }
}
