/**
 * A client program that runs once.
 *
 * Owns: its start, its input, all of its output, and its end within a bound.
 * Must not know: which program it is.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** How a program is started. */
export interface Invocation {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What came of it. */
export interface Outcome {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The longest a program may take unless a test says otherwise, in milliseconds. */
const endsWithin = 20_000;

/** A program under way. */
export class ClientProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly outcome: Promise<Outcome>;
  private readonly stdout: Buffer[] = [];
  private readonly stderr: Buffer[] = [];

  /**
   * @param within milliseconds after which it is killed, which fails the test
   * @param keepOutput false where the test reads `child.stdout` by itself
   */
  constructor(
    { program, args, env }: Invocation,
    {
      within = endsWithin,
      keepOutput = true,
    }: { readonly within?: number; readonly keepOutput?: boolean } = {},
  ) {
    // A session of its own has no terminal, so that no program can ask the person who runs the tests.
    this.child = spawn(program, args, { env, detached: true, stdio: 'pipe' });
    if (keepOutput) this.child.stdout.on('data', (chunk: Buffer) => this.stdout.push(chunk));
    this.child.stderr.on('data', (chunk: Buffer) => this.stderr.push(chunk));
    // A program that ends before it has read all of its input breaks the pipe.
    this.child.stdin.on('error', () => {});
    this.outcome = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`${program} did not end within ${within} ms\n${this.shown()}`));
      }, within);
      this.child.once('error', reject);
      this.child.once('close', (code) => {
        clearTimeout(timer);
        resolve({ code: code ?? undefined, stdout: this.shownOn('stdout'), stderr: this.shownOn('stderr') });
      });
    });
  }

  /** What it wrote so far. */
  shownOn(stream: 'stdout' | 'stderr'): string {
    return Buffer.concat(this[stream]).toString('latin1');
  }

  /** Ends it at once; for programs that would run for ever. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.outcome;
  }

  private shown(): string {
    return `stdout: ${this.shownOn('stdout').slice(-2000)}\nstderr: ${this.shownOn('stderr').slice(-2000)}`;
  }
}

/** Runs a program to its end. Its input is `input` and then an end. */
export function runClient(
  invocation: Invocation,
  input: string | Uint8Array = '',
  within?: number,
): Promise<Outcome> {
  const running = new ClientProcess(invocation, within === undefined ? {} : { within });
  running.child.stdin.end(input);
  return running.outcome;
}

/** Runs a program to its end and answers each question on its standard error when it is asked. */
export function runAnswering(
  invocation: Invocation,
  answers: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const running = new ClientProcess(invocation);
  const left = Object.entries(answers);
  running.child.stderr.on('data', () => {
    const [prompt, answer] = left[0] ?? [];
    if (prompt === undefined || !running.shownOn('stderr').includes(prompt)) return;
    left.shift();
    running.child.stdin.write(`${answer}\n`);
    if (left.length === 0) running.child.stdin.end();
  });
  return running.outcome;
}
