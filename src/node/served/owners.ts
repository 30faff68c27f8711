/**
 * Names of the users and groups of this machine.
 *
 * Owns: what /etc/passwd and /etc/group say.
 * Must not know: SFTP.
 */
import { readFile } from 'node:fs/promises';

/** Names by number; undefined for a number that nobody has, and where there are no such files. */
export async function ownerNames(
  uids: readonly number[],
  gids: readonly number[],
): Promise<{
  readonly users: readonly (string | undefined)[];
  readonly groups: readonly (string | undefined)[];
}> {
  const [users, groups] = await Promise.all([namesIn('/etc/passwd'), namesIn('/etc/group')]);
  return { users: uids.map((uid) => users.get(uid)), groups: gids.map((gid) => groups.get(gid)) };
}

async function namesIn(path: string): Promise<ReadonlyMap<number, string>> {
  const names = new Map<number, string>();
  const text = await readFile(path, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    if (name === undefined || number === undefined || !/^\d+$/.test(number)) continue;
    // The first one counts, as for the system.
    if (!names.has(Number(number))) names.set(Number(number), name);
  }
  return names;
}
