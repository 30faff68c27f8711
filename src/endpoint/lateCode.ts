/**
 * Code that is loaded when it is first needed.
 *
 * Owns: the typed error of code that cannot be loaded.
 * Must not know: which code.
 *
 * A process that is out of file descriptors cannot read the file. The next call
 * tries again; that the runtime does so as well is the build's part
 * (`lateImports.mjs`).
 */
import { SshError } from '../base/errors.ts';
import { reasonOf } from '../base/shortage.ts';

/**
 * Loads a module.
 *
 * @param what the code is for, for people
 * @throws SshError `ERR_SSH_LOAD`
 */
export async function lateCode<T>(what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new SshError('ERR_SSH_LOAD', `the code for ${what} could not be loaded${reasonOf(cause)}`, {
      origin: 'local',
      cause,
    });
  }
}
