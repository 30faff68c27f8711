/**
 * Running the command with pipes and without any terminal.
 *
 * Owns: its process, from the start to an end that is certain.
 * Must not know: what is tested.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Home } from './home.ts';

/** Milliseconds after which a run counts as hung. */
const longest = 20_000;

export interface CommandRun {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly home: Home;
  /** Standard input; nothing where not given. `open` leaves it open and silent. */
  readonly input?: string | Uint8Array | 'open' | undefined;
  /** Besides the folder of its home and the path. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Runs the command to its end. */
export function runCommand(
  command: string,
  args: readonly string[],
  { home, input = '', env = {} }: RunOptions,
): Promise<CommandRun> {
  const child = startCommand(command, args, home, env);
  child.stdin.on('error', () => {});
  if (input !== 'open') child.stdin.end(input);
  return endOf(child);
}

/** Starts the command in a session of its own, so that it finds no terminal to ask on. */
export function startCommand(
  command: string,
  args: readonly string[],
  home: Home,
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const { PATH = '' } = process.env;
  return spawn(process.execPath, [command, ...args], {
    detached: true,
    env: { PATH, HOME: home.path, ...env },
    stdio: 'pipe',
  });
}

/** Collects what the process writes until it has ended. */
export function endOf(child: ChildProcessWithoutNullStreams): Promise<CommandRun> {
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const watchdog = setTimeout(() => child.kill('SIGKILL'), longest);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(watchdog);
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr });
    });
  });
}
