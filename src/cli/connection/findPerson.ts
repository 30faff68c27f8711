/**
 * Whom the command can ask: a person at the terminal, or a program that asks one.
 *
 * Owns: the choice, as ssh(1) makes it from SSH_ASKPASS, SSH_ASKPASS_REQUIRE and
 * the display; running that program.
 * Must not know: what is asked.
 */
import { spawn } from 'node:child_process';
import { type Person, TerminalPerson, usualColumns } from './person.ts';

/** A person whom this process can stop asking. */
export interface AskablePerson extends Person {
  /** Nobody waits for an answer any more. */
  close(): void;
}

/**
 * @param interrupted told of Ctrl-C, before the question rejects
 * @returns undefined where nobody can be asked
 */
export function findPerson(
  interrupted: () => void,
  env: Readonly<Record<string, string | undefined>> = process.env,
): AskablePerson | undefined {
  const program = env['SSH_ASKPASS'];
  const required = env['SSH_ASKPASS_REQUIRE'];
  const hasDisplay = (env['DISPLAY'] ?? env['WAYLAND_DISPLAY'] ?? '') !== '';
  const mayAsk = program !== undefined && program !== '' && required !== 'never';
  if (mayAsk && (required === 'force' || (required === 'prefer' && hasDisplay))) {
    return new AskingProgram(program);
  }
  const person = TerminalPerson.find(interrupted);
  return person ?? (mayAsk && hasDisplay ? new AskingProgram(program) : undefined);
}

/** Bytes of an answer that are taken. */
const longestAnswer = 4096;

/** A program such as ssh-askpass: the question is its argument, the answer its output. */
class AskingProgram implements AskablePerson {
  readonly columns: number = usualColumns;
  private readonly program: string;
  private readonly controller = new AbortController();

  constructor(program: string) {
    this.program = program;
  }

  ask(prompt: string): Promise<string | undefined> {
    return this.answer(prompt);
  }

  askSecretly(prompt: string): Promise<string | undefined> {
    return this.answer(prompt);
  }

  show(text: string): void {
    process.stderr.write(text);
  }

  close(): void {
    this.controller.abort();
  }

  /** Undefined where the program was cancelled, cannot be run or says nothing. */
  private answer(prompt: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const child = spawn(this.program, [prompt], {
        stdio: ['ignore', 'pipe', 'inherit'],
        signal: this.controller.signal,
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(0, longestAnswer);
      });
      child.once('error', () => resolve(undefined));
      child.once('close', (status) => resolve(status === 0 ? said.split(/\r?\n/)[0] : undefined));
    });
  }
}
