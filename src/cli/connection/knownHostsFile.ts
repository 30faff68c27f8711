/**
 * Where the user's host keys are kept.
 *
 * Owns: the path.
 * Must not know: the format of lines (`keys/`), how the file is changed (`node/`).
 */
import { join } from 'node:path';
import { optionsError } from '../../base/optionChecks.ts';
import { homeFolder } from '../../node/homeFolder.ts';

export { addKnownHost } from '../../node/knownHosts/knownHostsFile.ts';

/**
 * The user's own file.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where the user has no home
 */
export function userKnownHostsFile(): string {
  const home = homeFolder();
  if (home === undefined) throw optionsError('there is no home folder with a known_hosts file');
  return join(home, '.ssh', 'known_hosts');
}
