/**
 * Commands on this machine: `!`, `!command` and `lls`.
 *
 * Owns: which shell runs them, on the terminal of this program.
 * Must not know: anything of the server.
 */
import { spawn } from 'node:child_process';
import { type ByteText, toText } from '../files/byteText.ts';
import type { SftpOutput } from './output.ts';

/** Runs a line in the user's shell, or the shell itself where there is none. Whether it ended well. */
export async function runLocally(line: ByteText, output: SftpOutput): Promise<boolean> {
  const shell = process.env['SHELL'] || '/bin/sh';
  const args = line === '' ? [] : ['-c', toText(line)];
  // Its output goes where ours goes, behind what we have said.
  await output.flush();
  // Ctrl-C is for the command, and not for this program.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  try {
    const problem = await new Promise<string | undefined>((resolve) => {
      const child = spawn(shell, args, { stdio: 'inherit' });
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => {
        if (signal !== null) resolve(`it was ended by ${signal}`);
        else resolve(code === 0 ? undefined : `it ended with status ${code}`);
      });
    });
    if (problem !== undefined) output.note(`the local command: ${problem}`);
    return problem === undefined;
  } finally {
    process.off('SIGINT', ignore);
  }
}
