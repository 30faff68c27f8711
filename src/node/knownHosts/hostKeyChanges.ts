/**
 * Host keys that come and go, in a known_hosts file.
 *
 * Owns: which lines are added and which may be removed.
 * Must not know: how the file is changed safely, what was proved to whom.
 */
import { asciiLowerCase, equalBytes } from '../../base/bytes.ts';
import type { HostKeyInfo, LockBounds } from '../../client/hostKeys/hostKeys.ts';
import { hostSpelling } from '../../keys/knownHosts/hostPattern.ts';
import { formatKnownHostsLine, type KnownHosts } from '../../keys/knownHosts/knownHosts.ts';
import { systemRandomBytes } from '../crypto/random.ts';
import { inSlices } from '../slices.ts';
import { judgeHostKey } from './hostKeyJudgement.ts';
import { changeKnownHosts, type KnownHostsChange, type KnownHostsOutcome } from './knownHostsFile.ts';

/**
 * Adds the key of a host that nothing is known of. What the file says when it is
 * written counts: another program may have been first.
 *
 * @throws SshError `ERR_SSH_HOST_KEY_CHANGED` and the like where another key was kept meanwhile; as `changeKnownHosts`
 */
export async function addTrustedLine(
  file: string,
  info: HostKeyInfo,
  hash: boolean,
  bounds?: LockBounds,
): Promise<void> {
  await changed(file, info, bounds, (known) => {
    if (judgeHostKey(known, info, { now: Date.now() / 1000 })) return { added: [] };
    return { added: [lineOf(info, info.blob, hash)] };
  });
}

/**
 * Adds the new keys of a host and removes those it has no longer.
 *
 * @param announced all keys the host has now
 * @returns how many lines were added and removed
 * @throws as `changeKnownHosts`
 */
export function rotateLines(
  file: string,
  info: HostKeyInfo,
  added: readonly Uint8Array[],
  announced: readonly Uint8Array[],
  hash: boolean,
  bounds?: LockBounds,
): Promise<KnownHostsOutcome> {
  return changed(file, info, bounds, (known) => {
    const own = known.ownKeys(info.host, info.port);
    const old = own.filter(
      ({ hosts, blob }) => isForHostAlone(hosts, info) && !announced.some((key) => equalBytes(key, blob)),
    );
    const fresh = added.filter((key) => !own.some(({ blob }) => equalBytes(blob, key)));
    return {
      added: fresh.map((key) => lineOf(info, key, hash)),
      removed: new Set(old.map(({ line }) => line)),
    };
  });
}

/** Changes the file once what it says of the host has been looked up. */
function changed(
  file: string,
  { host, port }: HostKeyInfo,
  bounds: LockBounds | undefined,
  decide: (known: KnownHosts) => KnownHostsChange,
): Promise<KnownHostsOutcome> {
  return changeKnownHosts(
    file,
    async (known) => {
      await inSlices(known.searchInSteps(host, port));
      return decide(known);
    },
    bounds,
  );
}

/** Of the lines of a host: one that names other hosts too, or a pattern, is somebody's own and stays. */
function isForHostAlone(hosts: string, { host, port }: HostKeyInfo): boolean {
  return hosts.startsWith('|') || asciiLowerCase(hosts) === hostSpelling(host, port);
}

function lineOf({ host, port }: HostKeyInfo, blob: Uint8Array, hash: boolean): string {
  return formatKnownHostsLine(host, port, blob, { salt: hash ? systemRandomBytes(20) : undefined });
}
