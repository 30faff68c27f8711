/**
 * The person at the terminal, whom the dial may have to ask.
 *
 * Owns: prompts on the controlling terminal, which work while standard input
 * and output are pipes; no echo for secrets; the terminal as it was afterwards.
 * Must not know: what is asked, and why.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { SshError } from '../../base/errors.ts';
import { type LineEnd, LineReader } from '../terminal/lineReader.ts';
import { terminalSize } from '../terminal/rawTerminal.ts';

/** Somebody who can be asked. */
export interface Person {
  /** What was typed, shown as it is typed; undefined for Ctrl-D. */
  ask(prompt: string): Promise<string | undefined>;
  /** As `ask`, with nothing shown. */
  askSecretly(prompt: string): Promise<string | undefined>;
  /** Shows a text; it ends its own lines. */
  show(text: string): void;
  /** How wide the terminal is. */
  readonly columns: number;
}

const device = '/dev/tty';
/** Of a terminal that does not tell its size. */
export const usualColumns = 80;

/** The person at the controlling terminal of this process. */
export class TerminalPerson implements Person {
  private readonly interrupted: () => void;
  private cancel: ((reason: Error) => void) | undefined;
  private closed = false;

  /**
   * @param interrupted told of Ctrl-C, before the question rejects
   * @returns undefined where there is no terminal
   */
  static find(interrupted: () => void): TerminalPerson | undefined {
    try {
      closeSync(openSync(device, 'r+'));
      return new TerminalPerson(interrupted);
    } catch {
      return undefined;
    }
  }

  private constructor(interrupted: () => void) {
    this.interrupted = interrupted;
  }

  ask(prompt: string): Promise<string | undefined> {
    return this.readLine(prompt, new LineReader(true));
  }

  askSecretly(prompt: string): Promise<string | undefined> {
    return this.readLine(prompt, new LineReader(false));
  }

  show(text: string): void {
    const fd = openSync(device, 'w');
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  }

  get columns(): number {
    return terminalSize([process.stderr, process.stdout])?.columns ?? deviceColumns();
  }

  /** Nobody waits for an answer any more: gives the terminal back. */
  close(): void {
    this.closed = true;
    this.cancel?.(aborted('nobody waits for the answer any more'));
  }

  private async readLine(prompt: string, line: LineReader): Promise<string | undefined> {
    if (this.closed) throw aborted('the terminal was given back');
    const fd = openSync(device, 'r+');
    const input = new ReadStream(fd);
    try {
      // Before the prompt: what is typed in answer to it is never shown.
      input.setRawMode(true);
      this.show(prompt);
      return this.answer(await this.typed(input, line));
    } finally {
      this.cancel = undefined;
      input.setRawMode(false);
      input.destroy();
      closeOnce(fd);
    }
  }

  private typed(input: ReadStream, line: LineReader): Promise<LineEnd> {
    return new Promise((resolve, reject) => {
      this.cancel = (reason) => {
        this.show('\n');
        reject(reason);
      };
      input.on('data', (chunk: Uint8Array) => {
        const shown = line.receive(chunk);
        if (shown !== '') this.show(shown);
        if (line.end !== undefined) resolve(line.end);
      });
      input.once('error', reject);
      input.once('end', () => resolve({ type: 'closed' }));
    });
  }

  private answer(end: LineEnd): string | undefined {
    if (end.type !== 'interrupted') return end.type === 'entered' ? end.text : undefined;
    this.interrupted();
    throw aborted('interrupted');
  }
}

/** Of the controlling terminal itself, where output and errors go elsewhere. */
function deviceColumns(): number {
  let terminal: WriteStream | undefined;
  try {
    terminal = new WriteStream(openSync(device, 'w'));
    return terminalSize([terminal])?.columns ?? usualColumns;
  } catch {
    return usualColumns;
  } finally {
    terminal?.destroy();
  }
}

/** The stream reads from a descriptor of its own where the system lets it open one, and else has closed this one. */
function closeOnce(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Closed already.
  }
}

function aborted(message: string): SshError {
  return new SshError('ERR_SSH_ABORTED', message, { phase: 'authentication', origin: 'user' });
}
