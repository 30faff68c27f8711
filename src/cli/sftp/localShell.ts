/**
 * Commands on this machine: `!`, `!command` and `lls`.
 *
 * Owns: which shell runs them, on the terminal of this program.
 * Must not know: anything of the server.
 */
import { spawn } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ByteText, toText } from '../files/byteText.ts';
import type { SftpOutput } from './output.ts';

/**
 * Runs a line in the user's shell, or the shell itself where there is none. Whether it ended well.
 *
 * @param signal aborted by a Ctrl-C that came before the command began; later ones are the command's own
 */
export async function runLocally(line: ByteText, output: SftpOutput, signal: AbortSignal): Promise<boolean> {
  const shell = process.env['SHELL'] || '/bin/sh';
  const args = line === '' ? [] : ['-c', toText(line)];
  // Its output goes where ours goes, behind what we have said.
  await output.flush();
  // A Ctrl-C that has come already is for nobody else. The first turn of the event loop may end before it
  // polls. The second reads a key that the terminal held as a character, and the third tells of the signal.
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  if (signal.aborted) return false;
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
