/**
 * Adding a host key to a known_hosts file.
 *
 * Owns: that a line is added whole, behind whatever is there, in one write, and
 * that files and folders it makes are the user's alone.
 * Must not know: the format of lines (`keys/`), who decided.
 */
import { mkdir, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatKnownHostsLine } from '../keys/knownHosts.ts';

/** The user's own file. */
export function userKnownHostsFile(): string {
  return join(homedir(), '.ssh', 'known_hosts');
}

/**
 * Appends the line that makes a key trusted for a host.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a host that cannot stand in the file; a system error for one that cannot be written
 */
export async function addKnownHost(
  path: string,
  host: string,
  port: number,
  blob: Uint8Array,
): Promise<void> {
  const line = formatKnownHostsLine(host, port, blob);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Opened for appending: of several programs that add at once, none overwrites the other's line.
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    const unended = size > 0 && last[0] !== 0x0a;
    await file.appendFile(unended ? `\n${line}` : line);
  } finally {
    await file.close();
  }
}
