/**
 * Where the user's host keys are kept.
 *
 * Owns: the path.
 * Must not know: the format of lines (`keys/`), how the file is changed (`node/`).
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

export { addKnownHost } from '../node/knownHostsFile.ts';

/** The user's own file. */
export function userKnownHostsFile(): string {
  return join(homedir(), '.ssh', 'known_hosts');
}
