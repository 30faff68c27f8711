/**
 * Where the user's own files are.
 *
 * Owns: the home folder, or that there is none.
 * Must not know: which files are in it.
 */
import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * The home folder; undefined where neither HOME nor the system knows one, as in
 * a container whose user has no name. An empty or relative HOME is none: keys
 * would be trusted that lie in whatever folder the program was started from.
 */
export function homeFolder(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined;
  }
}
