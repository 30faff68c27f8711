/**
 * Pipes to a program.
 *
 * Owns: pairs of descriptors that are pipes in truth. Node gives its children socket
 * pairs, which some programs tell apart: OpenSSH's `sshd -i` takes a socket for a
 * connection from the network, and `/dev/stdin` cannot be opened again.
 * Must not know: which program gets them.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Both ends of the pipes to and from a program. */
export interface ProgramPipes {
  /** For the program's stdin and stdout; to be closed here once the program has them. */
  readonly stdin: number;
  readonly stdout: number;
  /** This side's ends: to write to, and to read from. */
  readonly toProgram: number;
  readonly fromProgram: number;
}

/** Makes them by way of named pipes that nobody else can open; undefined where the system has none. */
export async function makePipes(): Promise<ProgramPipes | undefined> {
  if (process.platform === 'win32') return undefined;
  let folder: string | undefined;
  try {
    // For its owner alone.
    folder = await mkdtemp(join(tmpdir(), 'deadline-ssh-'));
    const paths = [join(folder, 'in'), join(folder, 'out')] as const;
    await made(paths);
    return openBoth(paths);
  } catch {
    return undefined;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function made(paths: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('mkfifo', ['-m', '600', ...paths], (error) => (error === null ? resolve() : reject(error)));
  });
}

function openBoth([input, output]: readonly [string, string]): ProgramPipes {
  const open: number[] = [];
  const opened = (path: string, flags: number): number => {
    const descriptor = openSync(path, flags);
    open.push(descriptor);
    return descriptor;
  };
  let held = 0;
  try {
    // Opening one end waits for the other, but for somebody who has both.
    for (const path of [input, output]) {
      opened(path, constants.O_RDWR);
      held++;
    }
    return {
      stdin: opened(input, constants.O_RDONLY),
      toProgram: opened(input, constants.O_WRONLY),
      fromProgram: opened(output, constants.O_RDONLY),
      stdout: opened(output, constants.O_WRONLY),
    };
  } catch (error) {
    for (const descriptor of open.slice(held)) closeSync(descriptor);
    throw error;
  } finally {
    for (const descriptor of open.slice(0, held)) closeSync(descriptor);
  }
}
