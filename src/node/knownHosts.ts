/**
 * The known_hosts files of this machine as a host key policy.
 *
 * Owns: which files are read, when, and the errors a person can act on.
 * Must not know: the format of their lines (`keys/`).
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SshError } from '../base/errors.ts';
import type { HostKeyInfo, HostKeyPolicy } from '../client/hostKeys.ts';
import type { KnownHosts } from '../keys/knownHosts.ts';

const systemFile = '/etc/ssh/ssh_known_hosts';

/**
 * Accepts the host keys in known_hosts files: plain and hashed names, patterns,
 * ports, `@revoked`. Keys that are not there are refused.
 *
 * @param paths of files, all of which are read; `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` where none is given.
 *   A file that does not exist counts as empty.
 * @throws SshError from the dial: `ERR_SSH_HOST_KEY_UNKNOWN`, `ERR_SSH_HOST_KEY_CHANGED`, `ERR_SSH_HOST_KEY_REVOKED`,
 *   `ERR_SSH_OPTIONS` for a file that cannot be read
 */
export function knownHosts(...paths: readonly string[]): HostKeyPolicy {
  const files = paths.length > 0 ? paths : [join(homedir(), '.ssh', 'known_hosts'), systemFile];
  return {
    verify: async (info) => judge(await readAll(files), info, files),
    keyTypes: async (host, port) => (await readAll(files)).keyTypesFor(host, port),
  };
}

interface Parsed {
  /** What the files looked like. */
  readonly state: string;
  readonly known: Promise<KnownHosts>;
}

/** By the list of files that a policy holds. */
const parsed = new WeakMap<readonly string[], Parsed>();

/**
 * The files as they are now, parsed once for as long as they stay the same: a
 * program that dials thousands of hosts would spend its time here.
 */
async function readAll(files: readonly string[]): Promise<KnownHosts> {
  const state = (await Promise.all(files.map(stateOf))).join(' ');
  const before = parsed.get(files);
  if (before?.state === state) return before.known;
  const known = parseAll(files);
  parsed.set(files, { state, known });
  // What cannot be read now is tried anew the next time.
  known.catch(() => parsed.delete(files));
  return known;
}

async function stateOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return `${ino}:${size}:${mtimeNs}`;
  } catch {
    // Reading it says what is wrong with it.
    return 'none';
  }
}

async function parseAll(files: readonly string[]): Promise<KnownHosts> {
  const { KnownHosts } = await import('../keys/knownHosts.ts');
  return KnownHosts.merge(
    ...(await Promise.all(files.map(async (file) => KnownHosts.parse(await readText(file), file)))),
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new SshError('ERR_SSH_OPTIONS', `cannot read the known hosts file ${file}`, {
      phase: 'options',
      origin: 'user',
      cause: error,
    });
  }
}

function judge(known: KnownHosts, info: HostKeyInfo, files: readonly string[]): true {
  const { host, port, blob, type, fingerprint } = info;
  const lookup = known.lookup(host, port, blob);
  const name = port === 22 ? host : `[${host}]:${port}`;
  switch (lookup.result) {
    case 'trusted':
      return true;
    case 'unknown':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_UNKNOWN',
        `the host key of ${name} (${type} ${fingerprint}) is not in ${files.join(' or ')}; check the fingerprint with the server's owner and add the key, or pin it with pinnedHostKey`,
      );
    case 'changed': {
      const where = lookup.entries.map(
        ({ file, line, keyType }) => `${file ?? 'known_hosts'}:${line} (${keyType})`,
      );
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_CHANGED',
        `the host key of ${name} (${type} ${fingerprint}) is not the known one (${where.join(', ')}): either the server was set up anew or somebody is in between`,
      );
    }
    case 'revoked':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_REVOKED',
        `the host key of ${name} (${type} ${fingerprint}) is marked @revoked (${lookup.entry.file ?? 'known_hosts'}:${lookup.entry.line})`,
      );
    case 'certAuthority':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_UNKNOWN',
        `${name} is known by a certificate authority only, and the server showed a plain ${type} key (${fingerprint})`,
      );
    default:
      return lookup satisfies never;
  }
}

function hostKeyError(
  code: 'ERR_SSH_HOST_KEY_UNKNOWN' | 'ERR_SSH_HOST_KEY_CHANGED' | 'ERR_SSH_HOST_KEY_REVOKED',
  message: string,
): SshError {
  return new SshError(code, message, { phase: 'keyExchange', origin: 'peer' });
}
