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
  BeforeHostKey,
  HostKeyDial,
  HostKeyInfo,
  HostKeyPolicy,
  HostKeyRotation,
} from '../../client/hostKeys/hostKeys.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { signatureNames } from '../../endpoint/options/optionRules.ts';
import { KnownHosts } from '../../keys/knownHosts/knownHosts.ts';
import { homeFolder } from '../homeFolder.ts';
import { judgeAddress, judgeHostKey, unknownHostKey } from './hostKeyJudgement.ts';
import { readKnownHosts } from './knownHostsCache.ts';
import type { CommandQuestion } from './knownHostsCommand.ts';
import { withoutRevoked } from './revokedHostKeys.ts';

const systemFile = '/etc/ssh/ssh_known_hosts';

/** What is loaded to change a file. */
const changes = 'changes of known hosts files';

/** What `knownHosts()` takes. */
export interface KnownHostsOptions {
  /**
   * The files. The client reads all of them, and adds to the first one.
   * Default: `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`; only the second one if
   * the user has no home folder.
   */
  readonly files?: string | readonly string[] | undefined;
  /**
   * The key of an unknown host: `refuse` it, or `add` it (trust on first use). `onDebug`
   * gets a warning about a key that is added or cannot be kept. Default: `refuse`.
   */
  readonly unknown?: 'refuse' | 'add' | undefined;
  /**
   * Follows a server that changes its keys (OpenSSH PROTOCOL §2.5): adds the keys that it
   * announces and proves to have, and removes those that it no longer announces. This
   * works only for hosts whose key is already in the files. Default: `false`.
   */
  readonly update?: boolean | undefined;
  /** Hashes the names of hosts in new lines. Default: `false`. */
  readonly hash?: boolean | undefined;
  /**
   * Files of keys that are refused for every host: lines with a public key each, or
   * a KRL as `ssh-keygen -k` makes it (RevokedHostKeys of ssh_config). While one of
   * them is missing or unreadable, every key is refused. Default: none.
   */
  readonly revokedHostKeys?: string | readonly string[] | undefined;
  /**
   * A program and its arguments. The program prints more lines of known_hosts
   * (KnownHostsCommand of ssh_config). `%H` stands for the host as such a line has it,
   * `%I` for the reason (`ORDER`, `HOSTNAME`, `ADDRESS`), `%t`, `%K` and `%f` for type,
   * base64 and fingerprint of the key, `%%` for a percent sign. The program has
   * `timeouts.knownHostsCommand` and 1 MiB of output; if it fails, the dial ends.
   * Default: none.
   */
  readonly command?: readonly string[] | undefined;
  /** The signature algorithms by which an authority may sign certificates. Default: all except those with SHA-1. */
  readonly certificateSignatures?: readonly string[] | undefined;
  /**
   * Looks up the server's address as well as its name. The client refuses the key if it
   * knows another one for the address, and keeps it for an unknown address. Default: `false`.
   */
  readonly checkAddress?: boolean | undefined;
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
  command: {
    takes: 'a list of a program and its arguments',
    accepts: (value) => Array.isArray(value) && value.every((word) => typeof word === 'string'),
  },
  certificateSignatures: signatureNames,
  checkAddress: flag,
};

/**
 * Accepts the host keys in known_hosts files: plain and hashed names, patterns,
 * ports, `@revoked`, certificates of an `@cert-authority`. Keys that are not
 * there are refused unless `unknown` says otherwise; one that differs from the
 * known one always is.
 *
 * @param paths of files. All are read; `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` where none is given.
 *   A file that does not exist counts as empty. Or options.
 * @throws SshError from the dial: `ERR_SSH_HOST_KEY_UNKNOWN`, `ERR_SSH_HOST_KEY_CHANGED`, `ERR_SSH_HOST_KEY_REVOKED`,
 *   `ERR_SSH_CERTIFICATE`, `ERR_SSH_OPTIONS` for a file that cannot be read, or a host that cannot stand in one; at
 *   once `ERR_SSH_OPTIONS` where it should add keys, no file is named and the user has no home
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
 * later it has to be the same. Anybody who is in between at the first time stays
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
  const { command = [] } = options;
  const knownAbout = async (
    question: CommandQuestion,
    dial?: Pick<HostKeyDial, 'whileRunning'>,
  ): Promise<KnownHosts> => {
    const inFiles = await readKnownHosts(files, question.host, question.port);
    if (command.length === 0) return inFiles;
    const { askCommand } = await lateCode('known hosts commands', () => import('./knownHostsCommand.ts'));
    return KnownHosts.merge(inFiles, await askCommand(command, question, dial));
  };
  /** What each dial was told; a program is asked once for both questions, as by ssh. */
  const told = new WeakMap<BeforeHostKey, Promise<KnownHosts>>();
  const knownBefore = (host: string, port: number, asking?: BeforeHostKey): Promise<KnownHosts> => {
    const before = asking === undefined ? undefined : told.get(asking);
    const known = before ?? knownAbout({ reason: 'ORDER', host, port }, asking);
    if (asking !== undefined) told.set(asking, known);
    return known;
  };
  /** The name vouches for the key; its address may only speak against it. */
  const checkAddress = async (info: HostKeyInfo, dial: HostKeyDial | undefined): Promise<void> => {
    const { address, port, host } = info;
    if (address === undefined || address === host || info.certificate !== undefined) return;
    const known = await knownAbout({ reason: 'ADDRESS', host: address, port, info }, dial);
    const whyNot = judgeAddress(known, info, address)
      ? undefined
      : await addFirst(own, { ...info, host: address }, hash, dial);
    if (whyNot === undefined) return;
    dial?.warn(`the host key of ${shownHost(info)} could not be kept for ${address} in ${own}: ${whyNot}`);
  };
  const verify = async (given: HostKeyInfo, dial?: HostKeyDial): Promise<boolean> => {
    const info = spelt(given);
    const isKnown = async (): Promise<boolean> =>
      judgeHostKey(
        await knownAbout({ reason: 'HOSTNAME', host: info.host, port: info.port, info }, dial),
        info,
        {
          now: Date.now() / 1000,
          signatures: options.certificateSignatures,
          warn: dial?.warn,
        },
      );
    if (await isKnown()) {
      if (options.checkAddress === true) await checkAddress(info, dial);
      return true;
    }
    if (unknown === 'refuse') throw unknownHostKey(info, files);
    const whyNot = await addFirst(own, info, hash, dial);
    // Another program may have been first meanwhile, with another key.
    if (whyNot !== undefined && (await isKnown())) return true;
    if (whyNot === undefined) {
      const { type, fingerprint } = info;
      dial?.note?.(
        `the host key of ${shownHost(info)} (${type} ${fingerprint}) was not known, and is kept in ${own}`,
      );
      return true;
    }
    dial?.warn(`the host key of ${shownHost(info)} is accepted, and could not be kept in ${own}: ${whyNot}`);
    return true;
  };
  return {
    verify,
    keyTypes: async (given, port, asking) => {
      const host = canonicalHost(given, domainToASCII);
      return (await knownBefore(host, port, asking)).keyTypesFor(host, port);
    },
    wantsCertificate: async (given, port, asking) => {
      const host = canonicalHost(given, domainToASCII);
      return (await knownBefore(host, port, asking)).certAuthorities(host, port).length > 0;
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

/** A dial has spelt its host already; a program that asks the policy itself may not have. */
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
