/**
 * The known_hosts files of this machine as a host key policy.
 *
 * Owns: which files are read; what becomes of keys that are not in them, and of
 * keys a server announces beside its own; that a key which was accepted and
 * cannot be kept is a warning and not the end of the dial.
 * Must not know: the format of their lines (`keys/`), how a file is read and changed.
 */
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import { equalBytes } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import {
  checkOptions,
  flag,
  type OptionRule,
  type OptionTable,
  oneOf,
  optionsError,
  someText,
} from '../../base/optionChecks.ts';
import { canonicalHost, shownHost } from '../../client/dial/hostName.ts';
import type {
  HostKeyDial,
  HostKeyInfo,
  HostKeyPolicy,
  HostKeyRotation,
} from '../../client/hostKeys/hostKeys.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { homeFolder } from '../homeFolder.ts';
import { judgeHostKey, unknownHostKey } from './hostKeyJudgement.ts';
import { readKnownHosts } from './knownHostsCache.ts';
import { withoutRevoked } from './revokedHostKeys.ts';

const systemFile = '/etc/ssh/ssh_known_hosts';

/** What is loaded to change a file. */
const changes = 'changes of known hosts files';

/** What is done with `known_hosts` besides reading it. */
export interface KnownHostsOptions {
  /**
   * Files, all of which are read; what is added goes to the first.
   * `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`; the latter alone where the user has no home
   */
  readonly files?: string | readonly string[] | undefined;
  /**
   * Of a host nothing is known of: `refuse` its key, or `add` it (trust on first
   * use). A key that was accepted and cannot be kept is a warning to `onDebug`. `refuse`
   */
  readonly unknown?: 'refuse' | 'add' | undefined;
  /**
   * Follow a server that changes its keys: those it announces and proves to have
   * are added, those it announces no longer are removed (OpenSSH PROTOCOL §2.5).
   * Only for hosts whose key is in the files already. `false`
   */
  readonly update?: boolean | undefined;
  /** Hash the names of hosts in lines that are added. `false` */
  readonly hash?: boolean | undefined;
  /**
   * Files of keys that are refused for every host: lines with a public key each, or
   * a KRL as `ssh-keygen -k` makes it (RevokedHostKeys of ssh_config). While one of
   * them is missing or cannot be read, every key is refused. None where not given
   */
  readonly revokedHostKeys?: string | readonly string[] | undefined;
}

const paths: OptionRule = {
  takes: 'the path of a file, or a list of paths',
  accepts: (value) => (Array.isArray(value) ? value.every(someText.accepts) : someText.accepts(value)),
};

const optionTable: OptionTable<KnownHostsOptions> = {
  files: paths,
  unknown: oneOf('refuse', 'add'),
  update: flag,
  hash: flag,
  revokedHostKeys: paths,
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
 *   `ERR_SSH_CERTIFICATE`, `ERR_SSH_OPTIONS` for a file that cannot be read, or a host that cannot stand in one; at
 *   once `ERR_SSH_OPTIONS` where keys are to be added, no file is named and the user has no home
 * @example
 * ```ts
 * import { connect, knownHosts } from 'deadline-ssh';
 * const verifyHostKey = knownHosts({ unknown: 'add', update: true, hash: true });
 * const open = (host: string) => connect({ host, username: 'ops', verifyHostKey });
 * ```
 */
export function knownHosts(...paths: readonly string[]): HostKeyPolicy;
/** The same with options. */
export function knownHosts(options: KnownHostsOptions): HostKeyPolicy;
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
  const { revokedHostKeys: revoked = [] } = options;
  const policy = filePolicy(options);
  return revoked.length === 0
    ? policy
    : withoutRevoked(policy, typeof revoked === 'string' ? [revoked] : revoked);
}

function filePolicy(options: KnownHostsOptions): HostKeyPolicy {
  const { unknown = 'refuse', update = false, hash = false } = options;
  const files = filesOf(options.files, unknown === 'add' || update);
  const [own = ''] = files;
  const verify = async (given: HostKeyInfo, dial?: HostKeyDial): Promise<boolean> => {
    const info = spelt(given);
    const isKnown = async (): Promise<boolean> =>
      judgeHostKey(await readKnownHosts(files, info.host, info.port), info, Date.now() / 1000, dial?.warn);
    if (await isKnown()) return true;
    if (unknown === 'refuse') throw unknownHostKey(info, files);
    const whyNot = await addFirst(own, info, hash, dial);
    // Another program may have been first meanwhile, with another key.
    if (whyNot === undefined || (await isKnown())) return true;
    dial?.warn(`the host key of ${shownHost(info)} is accepted, and could not be kept in ${own}: ${whyNot}`);
    return true;
  };
  return {
    verify,
    keyTypes: async (given, port) => {
      const host = canonicalHost(given, domainToASCII);
      return (await readKnownHosts(files, host, port)).keyTypesFor(host, port);
    },
    wantsCertificate: async (given, port) => {
      const host = canonicalHost(given, domainToASCII);
      return (await readKnownHosts(files, host, port)).certAuthorities(host, port).length > 0;
    },
    ...(update ? { rotation: rotationOf(files, own, hash) } : {}),
  };
}

function filesOf(given: KnownHostsOptions['files'], areChanged: boolean): readonly string[] {
  const files = typeof given === 'string' ? [given] : (given ?? []);
  if (files.length > 0) return files;
  const home = homeFolder();
  if (home !== undefined) return [join(home, '.ssh', 'known_hosts'), systemFile];
  // The system's file is not the user's to change.
  if (areChanged)
    throw optionsError('there is no home folder to keep host keys in; name a file with `files`');
  return [systemFile];
}

/** A dial has spelt its host already; whoever asks the policy by itself need not have. */
function spelt(info: HostKeyInfo): HostKeyInfo {
  return { ...info, host: canonicalHost(info.host, domainToASCII) };
}

/**
 * Keeps the key of a host that nothing is known of, unless the file as it is
 * under the lock says otherwise.
 *
 * @returns why it could not be kept; undefined where it was
 * @throws SshError where the file has another key by now, or the host cannot stand in it
 */
async function addFirst(
  file: string,
  info: HostKeyInfo,
  hash: boolean,
  dial: HostKeyDial | undefined,
): Promise<string | undefined> {
  const { addTrustedLine } = await lateCode(changes, () => import('./hostKeyChanges.ts'));
  const { NotWrittenError } = await lateCode(changes, () => import('./knownHostsFile.ts'));
  try {
    if (dial === undefined) await addTrustedLine(file, info, hash);
    else await dial.whileLocked(lockedFile(file), (bounds) => addTrustedLine(file, info, hash, bounds));
    return undefined;
  } catch (error) {
    if (error instanceof NotWrittenError) return error.message;
    if (!(error instanceof SshError) || error.waitingFor !== 'lock') throw error;
    return `another program has locked it; remove ${file}.lock if there is none`;
  }
}

function lockedFile(file: string): string {
  return `the lock on ${file}`;
}

function rotationOf(files: readonly string[], own: string, hash: boolean): HostKeyRotation {
  return {
    unknown: async (info, announced) => {
      const { host, port, blob } = spelt(info);
      const known = await readKnownHosts(files, host, port);
      if (known.lookup(host, port, blob).result !== 'trusted') return undefined;
      // What is known of the bare host vouches for a port only as long as nothing is known of the port.
      const listed = known.ownKeys(host, port);
      return announced.filter(
        (key) =>
          !listed.some((entry) => equalBytes(entry.blob, key)) &&
          known.revocation(host, port, key) === undefined,
      );
    },
    keep: async (given, added, announced, dial) => {
      const info = spelt(given);
      const { rotateLines } = await lateCode(changes, () => import('./hostKeyChanges.ts'));
      if (dial === undefined) return rotateLines(own, info, added, announced, hash);
      return dial.whileLocked(lockedFile(own), (bounds) =>
        rotateLines(own, info, added, announced, hash, bounds),
      );
    },
  };
}
