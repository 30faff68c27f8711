/**
 * The known_hosts files of this machine as a host key policy.
 *
 * Owns: which files are read, when; what becomes of keys that are not in them,
 * and of keys a server announces beside its own.
 * Must not know: the format of their lines (`keys/`), how a file is changed.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { checkOptions, flag, type OptionTable, oneOf, someText } from '../base/optionChecks.ts';
import type { HostKeyInfo, HostKeyPolicy, HostKeyRotation } from '../client/hostKeys.ts';
import type { KnownHosts } from '../keys/knownHosts.ts';

const systemFile = '/etc/ssh/ssh_known_hosts';

/** What is done with `known_hosts` besides reading it. */
export interface KnownHostsOptions {
  /** Files, all of which are read; what is added goes to the first. `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` */
  readonly files?: string | readonly string[] | undefined;
  /** Of a host nothing is known of: `refuse` its key, or `add` it (trust on first use). `refuse` */
  readonly unknown?: 'refuse' | 'add' | undefined;
  /**
   * Follow a server that changes its keys: those it announces and proves to have
   * are added, those it announces no longer are removed (OpenSSH PROTOCOL §2.5).
   * Only for hosts whose key is in the files already. `false`
   */
  readonly update?: boolean | undefined;
  /** Hash the names of hosts in lines that are added. `false` */
  readonly hash?: boolean | undefined;
}

const optionTable: OptionTable<KnownHostsOptions> = {
  files: {
    takes: 'the path of a file, or a list of paths',
    accepts: (value) => (Array.isArray(value) ? value.every(someText.accepts) : someText.accepts(value)),
  },
  unknown: oneOf('refuse', 'add'),
  update: flag,
  hash: flag,
};

/**
 * Accepts the host keys in known_hosts files: plain and hashed names, patterns,
 * ports, `@revoked`, certificates of an `@cert-authority`. Keys that are not
 * there are refused unless `unknown` says otherwise; one that differs from the
 * known one always is.
 *
 * @param paths of files, all of which are read; `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` where none is given.
 *   A file that does not exist counts as empty. Or options.
 * @throws SshError from the dial: `ERR_SSH_HOST_KEY_UNKNOWN`, `ERR_SSH_HOST_KEY_CHANGED`, `ERR_SSH_HOST_KEY_REVOKED`,
 *   `ERR_SSH_CERTIFICATE`, `ERR_SSH_OPTIONS` for a file that cannot be read or written
 * @example
 * ```ts
 * import { connect, knownHosts } from 'deadline-ssh';
 * const verifyHostKey = knownHosts({ unknown: 'add', update: true, hash: true });
 * const open = (host: string) => connect({ host, username: 'ops', verifyHostKey });
 * ```
 */
export function knownHosts(options: KnownHostsOptions): HostKeyPolicy;
export function knownHosts(...paths: readonly string[]): HostKeyPolicy;
export function knownHosts(...given: readonly (string | KnownHostsOptions)[]): HostKeyPolicy {
  const [first] = given;
  if (typeof first === 'object' && !Array.isArray(first)) return policyOf(first);
  return policyOf({ files: given as readonly string[] });
}

/**
 * Trust on first use: the key of a host nothing is known of is accepted and kept;
 * later it has to be the same. Whoever is in between at the first time stays
 * unseen, so compare fingerprints where that matters.
 */
export function trustOnFirstUse(options: Omit<KnownHostsOptions, 'unknown'> = {}): HostKeyPolicy {
  return policyOf({ ...options, unknown: 'add' });
}

function policyOf(options: KnownHostsOptions): HostKeyPolicy {
  checkOptions(options, { of: 'knownHosts', table: optionTable });
  const { unknown = 'refuse', update = false, hash = false } = options;
  const files = filesOf(options.files);
  const [own = ''] = files;
  const verify = async (info: HostKeyInfo): Promise<boolean> => {
    const { judgeHostKey, unknownHostKey } = await import('./hostKeyJudgement.ts');
    if (judgeHostKey(await readAll(files), info, Date.now() / 1000)) return true;
    if (unknown === 'refuse') throw unknownHostKey(info, files);
    await addFirst(own, info, hash);
    return true;
  };
  return {
    verify,
    keyTypes: async (host, port) => (await readAll(files)).keyTypesFor(host, port),
    wantsCertificate: async (host, port) => (await readAll(files)).certAuthorities(host, port).length > 0,
    ...(update ? { rotation: rotationOf(files, own, hash) } : {}),
  };
}

function filesOf(given: KnownHostsOptions['files']): readonly string[] {
  const files = typeof given === 'string' ? [given] : (given ?? []);
  return files.length > 0 ? files : [join(homedir(), '.ssh', 'known_hosts'), systemFile];
}

/** Another program may have been first meanwhile, with another key: the file as it is under the lock decides. */
async function addFirst(file: string, info: HostKeyInfo, hash: boolean): Promise<void> {
  const { addTrustedLine } = await import('./hostKeyChanges.ts');
  await writing(file, () => addTrustedLine(file, info, hash));
}

function rotationOf(files: readonly string[], own: string, hash: boolean): HostKeyRotation {
  return {
    unknown: async (info, announced) => {
      const known = await readAll(files);
      const { host, port, blob } = info;
      if (known.lookup(host, port, blob).result !== 'trusted') return undefined;
      const isKnown = (key: Uint8Array): boolean => known.lookup(host, port, key).result === 'trusted';
      if (!announced.some((key) => equalBytes(key, blob))) return undefined;
      return announced.filter((key) => !isKnown(key) && known.revocation(host, port, key) === undefined);
    },
    keep: async (info, added, announced) => {
      const { rotateLines } = await import('./hostKeyChanges.ts');
      return writing(own, () => rotateLines(own, info, added, announced, hash));
    },
  };
}

async function writing<T>(file: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof SshError) throw error;
    const why = error instanceof Error ? `: ${error.message}` : '';
    throw fileError(`cannot write the known hosts file ${file}${why}`, error);
  }
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
    throw fileError(`cannot read the known hosts file ${file}`, error);
  }
}

function fileError(message: string, cause: unknown): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, { phase: 'options', origin: 'user', cause });
}
