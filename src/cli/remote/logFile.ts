/**
 * The file that messages go to (-E).
 *
 * Owns: that a line is in it when it was said, behind what is there.
 * Must not know: what is said.
 */
import { openSync, writeSync } from 'node:fs';
import { optionsError } from '../../base/optionChecks.ts';
import { systemWords } from '../errorWords.ts';

/** @throws SshError `ERR_SSH_OPTIONS` for a file that cannot be written */
export function logFile(path: string): { write(text: string): void } {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'a', 0o600);
  } catch (error) {
    throw optionsError(`-E ${path}: ${systemWords(error)}`);
  }
  return {
    write: (text) => {
      try {
        writeSync(descriptor, text);
      } catch {
        // A full disk must not end the session.
      }
    },
  };
}
