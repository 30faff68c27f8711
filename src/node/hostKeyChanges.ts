/**
 * Host keys that come and go, in a known_hosts file.
 *
 * Owns: which lines are added and which may be removed.
 * Must not know: how the file is changed safely, what was proved to whom.
 */
import { equalBytes } from '../base/bytes.ts';
import type { HostKeyInfo } from '../client/hostKeys.ts';
import { hashSpelling, parseHashedName } from '../keys/hashedNames.ts';
import { hostSpelling } from '../keys/hostPattern.ts';
import { formatKnownHostsLine, KnownHosts } from '../keys/knownHosts.ts';
import { splitLines } from '../keys/textLines.ts';
import { systemRandomBytes } from './crypto/random.ts';
import { judgeHostKey } from './hostKeyJudgement.ts';
import { changeKnownHosts, withLine } from './knownHostsFile.ts';

/**
 * Adds the key of a host that nothing is known of. What the file says when it is
 * written counts: another program may have been first.
 *
 * @throws SshError `ERR_SSH_HOST_KEY_CHANGED` and the like where another key was kept meanwhile
 */
export function addTrustedLine(file: string, info: HostKeyInfo, hash: boolean): Promise<void> {
  return changeKnownHosts(file, (text) => {
    if (judgeHostKey(KnownHosts.parse(text, file), info, Date.now() / 1000)) return text;
    return withLine(text, lineOf(info, info.blob, hash));
  });
}

/**
 * Adds the new keys of a host and removes those it has no longer.
 *
 * @param announced all keys the host has now
 * @returns how many lines were added and removed
 */
export async function rotateLines(
  file: string,
  info: HostKeyInfo,
  added: readonly Uint8Array[],
  announced: readonly Uint8Array[],
  hash: boolean,
): Promise<{ readonly added: number; readonly removed: number }> {
  let counts = { added: 0, removed: 0 };
  await changeKnownHosts(file, (text) => {
    const known = KnownHosts.parse(text, file);
    const old = new Set(
      known.entries
        .filter((entry) => entry.marker === undefined && isForHostAlone(entry.hosts, info))
        .filter((entry) => !announced.some((key) => equalBytes(key, entry.blob)))
        .map((entry) => entry.line),
    );
    const { host, port } = info;
    const fresh = added.filter((key) => known.lookup(host, port, key).result !== 'trusted');
    counts = { added: fresh.length, removed: old.size };
    return fresh.reduce((so, key) => withLine(so, lineOf(info, key, hash)), withoutLines(text, old));
  });
  return counts;
}

/** A line that names other hosts too, or a pattern, is somebody's own and stays. */
function isForHostAlone(hosts: string, { host, port }: HostKeyInfo): boolean {
  const spelling = hostSpelling(host, port);
  if (hosts.toLowerCase() === spelling) return true;
  const hidden = parseHashedName(hosts);
  return hidden !== undefined && hashSpelling(spelling, hidden.salt) === hosts;
}

function withoutLines(text: string, removed: ReadonlySet<number>): string {
  if (removed.size === 0) return text;
  // Ends of lines stay what they are: every second piece is one.
  const pieces = text.split(/(\r\n|\n|\r)/);
  let kept = '';
  splitLines(text).forEach((_line, i) => {
    if (!removed.has(i + 1)) kept += (pieces[2 * i] ?? '') + (pieces[2 * i + 1] ?? '');
  });
  return kept;
}

function lineOf({ host, port }: HostKeyInfo, blob: Uint8Array, hash: boolean): string {
  return formatKnownHostsLine(host, port, blob, { salt: hash ? systemRandomBytes(20) : undefined });
}
