/**
 * Files that are there for a moment beside another one.
 *
 * Owns: their names, and the removal of those that a program left which was
 * killed meanwhile.
 * Must not know: what is in them.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ownVersionOf } from '../knownHosts/regularFile.ts';

/** Milliseconds after which nobody can be at work on one any more. */
const left = 60_000;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A name beside the file that nothing has. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID()}`;
}

/**
 * Removes what was left beside a file. What cannot be removed stays.
 *
 * @param now by the clock of the file system, in milliseconds since 1970
 */
export async function removeLeftovers(path: string, now: number): Promise<void> {
  try {
    const folder = dirname(path);
    for (const name of await readdir(folder)) {
      const rest = name.startsWith(`${basename(path)}.`) ? name.slice(basename(path).length + 1) : '';
      if (!uuid.test(rest.replace(/^lock\./, ''))) continue;
      const file = join(folder, name);
      const version = await ownVersionOf(file);
      if (version?.isFile === true && now - version.written > left) await rm(file, { force: true });
    }
  } catch {
    // It is tried again the next time.
  }
}
