/**
 * Lines that a person types at a prompt.
 *
 * Owns: the prompt, the history, Tab; that the terminal is this program's only while it prompts, so that
 * Ctrl-C means the command while one runs.
 * Must not know: what lines mean, how names are completed.
 */
import { type CompleterResult, createInterface, type Interface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ByteText, fromText } from '../files/byteText.ts';
import type { LineSource } from './lineSource.ts';

/** What completes a line that ends where the cursor is. */
export type Complete = (line: ByteText) => Promise<CompleterResult>;

export class PromptLines implements LineSource {
  private readonly prompt: Interface;
  /** Several come at once where somebody pastes them. */
  private readonly lines: ByteText[] = [];
  private waiting: ((line: ByteText | undefined) => void) | undefined;
  private isClosed = false;

  constructor(prompt: string, complete: Complete) {
    const { stdin: input, stdout: output } = process;
    this.prompt = createInterface({
      input,
      output,
      prompt,
      terminal: true,
      completer: (line: string, done: (error: Error | null, result?: CompleterResult) => void) => {
        // Where the server does not answer, there is nothing to complete.
        complete(fromText(line)).then(
          (result) => done(null, result),
          () => done(null, [[], line]),
        );
      },
    });
    process.stdin.setRawMode(false);
    this.prompt.pause();
    this.prompt.on('line', (line) => this.receive(fromText(line)));
    this.prompt.on('SIGINT', () => {
      // It came with the end of a line or just behind it: it is for the command, which gets it as the signal that
      // it would be.
      if (this.waiting === undefined) {
        process.kill(process.pid, 'SIGINT');
        return;
      }
      // What was typed is dropped, as in a shell.
      this.prompt.write(null, { ctrl: true, name: 'e' });
      this.prompt.write(null, { ctrl: true, name: 'u' });
      output.write('^C\n');
      this.prompt.prompt();
    });
    this.prompt.on('close', () => {
      if (!this.isClosed) output.write('\n');
      this.isClosed = true;
      this.settle(undefined);
    });
  }

  async next(): Promise<ByteText | undefined> {
    if (this.lines.length === 0 && !this.isClosed) {
      process.stdin.setRawMode(true);
      // A Ctrl-C that was a signal is told before any line that was typed behind it: it is not for that one.
      await nextTurn();
      await nextTurn();
    }
    const ready = this.lines.shift();
    if (ready !== undefined || this.isClosed) {
      void this.release();
      return ready;
    }
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.prompt.resume();
      this.prompt.prompt();
    });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.prompt.close();
    process.stdin.setRawMode(false);
  }

  private receive(line: ByteText): void {
    if (this.waiting === undefined) this.lines.push(line);
    else this.settle(line);
  }

  private settle(line: ByteText | undefined): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting === undefined) return;
    void this.release();
    waiting(line);
  }

  /**
   * What is typed from now on waits in the terminal, and its keys are its own. A key that came between the end of
   * the line and this lies in the terminal as a character, and would be no signal: it is read before the rest waits.
   */
  private async release(): Promise<void> {
    process.stdin.setRawMode(false);
    await nextTurn();
    await nextTurn();
    if (this.waiting === undefined && !this.isClosed) this.prompt.pause();
  }
}
