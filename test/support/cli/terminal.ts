/**
 * A person at a terminal with the command on it.
 *
 * Owns: typing, waiting for what the screen shows, the size and modes of the
 * terminal.
 * Must not know: what is tested.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import type { Home } from './home.ts';

const driver = fileURLToPath(new URL('terminal.py', import.meta.url));
/** Milliseconds within which a terminal shows what is waited for. */
const longest = 15_000;

/** Modes of the terminal, as termios has them. */
export interface Modes {
  readonly echo: boolean;
  readonly icanon: boolean;
  readonly isig: boolean;
  readonly opost: boolean;
  readonly icrnl: boolean;
  /** All of them are as they were before the program began. */
  readonly asBefore: boolean;
}

export interface TerminalEnd {
  /** Exit status, or minus the number of the signal that ended the program. */
  readonly status: number;
  readonly modes: Modes;
}

type Event =
  | { readonly output: string }
  | { readonly modes: Modes; readonly id: number }
  | { readonly modes: Modes; readonly exit: number };

interface Waiter {
  readonly check: () => boolean;
  readonly fail: (error: Error) => void;
}

export class Terminal {
  /** All that was shown so far. */
  screen = '';
  readonly end: Promise<TerminalEnd>;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly modesWanted: ((modes: Modes) => void)[] = [];
  private waiters: Waiter[] = [];
  private seen = 0;
  private settle: (end: TerminalEnd) => void = () => {};

  constructor(argv: readonly string[], rows: number, columns: number) {
    this.child = spawn('python3', [driver, String(rows), String(columns), ...argv], { stdio: 'pipe' });
    this.end = new Promise((resolve) => {
      this.settle = resolve;
    });
    let complaint = '';
    this.child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    this.child.once('close', () => {
      for (const { fail } of this.waiters.splice(0)) fail(this.failure(`the program ended. ${complaint}`));
    });
    createInterface({ input: this.child.stdout }).on('line', (line) =>
      this.receive(JSON.parse(line) as Event),
    );
  }

  /** What was shown since the last call, up to and with the text; the text is waited for. */
  async shows(text: string | RegExp): Promise<string> {
    const find = (): number => {
      const rest = this.screen.slice(this.seen);
      if (typeof text === 'string') return rest.includes(text) ? rest.indexOf(text) + text.length : -1;
      const match = text.exec(rest);
      return match === null ? -1 : match.index + match[0].length;
    };
    await this.until(() => find() >= 0, `"${String(text)}" is not shown`);
    const shown = this.screen.slice(this.seen, this.seen + find());
    this.seen += shown.length;
    return shown;
  }

  type(keys: string): void {
    this.order({ write: Buffer.from(keys).toString('base64') });
  }

  resize(rows: number, columns: number): void {
    this.order({ resize: [rows, columns] });
  }

  signal(name: NodeJS.Signals): void {
    this.order({ signal: constants.signals[name] });
  }

  modes(): Promise<Modes> {
    return new Promise((resolve) => {
      this.modesWanted.push(resolve);
      this.order({ modes: this.modesWanted.length - 1 });
    });
  }

  close(): void {
    this.child.kill('SIGKILL');
  }

  private until(check: () => boolean, complaint: string): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiter.fail(this.failure(complaint)), longest);
      const waiter: Waiter = {
        check: () => {
          if (!check()) return false;
          clearTimeout(timer);
          resolve();
          return true;
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.waiters.push(waiter);
    });
  }

  private failure(what: string): Error {
    return new Error(
      `${what}; the screen since the last match: ${JSON.stringify(this.screen.slice(this.seen))}`,
    );
  }

  private order(order: object): void {
    this.child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  private receive(event: Event): void {
    if ('output' in event) {
      this.screen += Buffer.from(event.output, 'base64').toString('latin1');
      this.waiters = this.waiters.filter(({ check }) => !check());
    } else if ('exit' in event) {
      this.settle({ status: event.exit, modes: event.modes });
    } else {
      this.modesWanted[event.id]?.(event.modes);
    }
  }
}

export interface TerminalOptions {
  /** 24 */
  readonly rows?: number;
  /** 80 */
  readonly columns?: number;
  /** A line for `sh` that starts the command as `"$@"`, with its input or output elsewhere. */
  readonly script?: string;
}

/** Terminals for the tests of this file; what still runs after its test is ended. */
export function useTerminals(
  command: () => string,
): (args: readonly string[], home: Home, options?: TerminalOptions) => Terminal {
  const open: Terminal[] = [];
  afterEach(() => {
    for (const terminal of open.splice(0)) terminal.close();
  });
  return (args, home, { rows = 24, columns = 80, script = 'exec "$@"' } = {}) => {
    const environment = [`HOME=${home.path}`, 'TERM=xterm-256color'];
    const argv = ['env', ...environment, 'sh', '-c', script, 'sh', process.execPath, command(), ...args];
    const terminal = new Terminal(argv, rows, columns);
    open.push(terminal);
    return terminal;
  };
}
