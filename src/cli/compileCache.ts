/**
 * The compiled code of this program, from one run to the next.
 *
 * Owns: the folder it is kept in. Compiling takes a seventh of the time of a short
 * command. Anybody who can write to that folder decides what runs, so it is the user's
 * own or there is none: never one below /tmp, which is what Node would take.
 * Must not know: what the program does. It runs before the rest is loaded, and imports nothing of it.
 */
import { lstatSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Node has it from 22.8 on; NODE_DISABLE_COMPILE_CACHE turns it off. */
export function keepCompiledCode(): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  if (enableCompileCache === undefined) return;
  const folder = compileCacheFolder(process.env['XDG_CACHE_HOME'], homeOf());
  if (folder !== undefined) enableCompileCache(folder);
}

function homeOf(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * The folder, made where it is missing; undefined where somebody else could write to it.
 *
 * @param cacheHome XDG_CACHE_HOME; `.cache` in the home folder where it is none
 */
export function compileCacheFolder(
  cacheHome: string | undefined,
  home: string | undefined,
): string | undefined {
  const base = cacheHome !== undefined && isAbsolute(cacheHome) ? cacheHome : home && join(home, '.cache');
  // `sudo` may leave the home folder of another user.
  if (base === undefined || home === undefined || !isAbsolute(home) || !isOwn(home)) return undefined;
  const folder = join(base, 'deadline-ssh');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    return undefined;
  }
  return isOwn(base) && isOwn(folder) ? folder : undefined;
}

/** Whether it is a folder that nobody but this user can change. Windows has no such mode: there it is by where it is. */
function isOwn(path: string): boolean {
  const user = process.getuid?.();
  try {
    const { mode, uid } = lstatSync(path);
    return user === undefined || (uid === user && (mode & 0o170022) === 0o040000);
  } catch {
    return false;
  }
}
