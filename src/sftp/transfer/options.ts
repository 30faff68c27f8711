/**
 * The options of transfers.
 *
 * Owns: what `get`, `put` and `sync` take, their defaults and their checks.
 * Must not know: how a transfer is carried out.
 */

import {
  callback,
  checkOptions,
  flag,
  isObject,
  type OptionRule,
  type OptionTable,
  type OtherNames,
  oneOf,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { CallOptions } from '../seam/channel.ts';
import { callRules } from '../session/callRules.ts';

/** How far a transfer is. */
export interface TransferProgress {
  /** The file that moved last: on the side that is read. */
  readonly path: string;
  /** Bytes that have arrived, of all files. */
  readonly transferred: number;
  /** Bytes of all files that are known so far; it grows while folders are still listed. */
  readonly total: number;
  /** Files that are known so far. */
  readonly files: number;
  /** Files that have arrived. */
  readonly filesDone: number;
  /** Bytes a second, over the last seconds. */
  readonly rate: number;
  /** Milliseconds at that rate; undefined while nothing can be said. */
  readonly timeLeft: number | undefined;
}

/** What is kept of a file apart from its bytes. */
export interface Preserved {
  /** When it was changed and read. `true` */
  readonly times?: boolean | undefined;
  /** Its permissions, without setuid, setgid and sticky. `true` */
  readonly mode?: boolean | undefined;
  /** Setuid, setgid and sticky as well. `false` */
  readonly setuid?: boolean | undefined;
  /** Owner and group, by number; for those who may give files away. `false` */
  readonly owner?: boolean | undefined;
}

/** What `get` and `put` take. */
export interface TransferOptions extends CallOptions {
  /** Folders with all that is in them. `false` */
  readonly recursive?: boolean | undefined;
  /** Files on their way at once. 32 */
  readonly concurrency?: number | undefined;
  /** Goes on with what an earlier transfer left, where the end of that is the same on both sides. `false` */
  readonly resume?: boolean | undefined;
  /** `true` for times and permissions. Where it is asked for, a side that refuses is an error. `false` */
  readonly preserve?: boolean | Preserved | undefined;
  /** Writes beside the target and renames, so that the target is never half a file. `true` */
  readonly atomic?: boolean | undefined;
  /** `size` is always checked; `sha256` also reads both files again, on the server by a command where one can run. `size` */
  readonly verify?: 'size' | 'sha256' | undefined;
  /** Which entries of folders are taken; one that is left out takes all below it along. It may be asynchronous. */
  readonly filter?: ((path: string, entry: TransferEntry) => boolean | Promise<boolean>) | undefined;
  /** What becomes of links in folders. `follow` takes the file behind a link, and no folder; `copy` makes the link anew unless it leads out of the tree. `follow` */
  readonly links?: 'follow' | 'skip' | 'copy' | undefined;
  /** Leaves out blocks of zeros, where the side that is written makes holes of them. `false` */
  readonly sparse?: boolean | undefined;
  /**
   * Of `get`: a device, a pipe or a socket that is named is read as well. A pipe that nobody writes
   * into keeps the server waiting, and OpenSSH's does nothing else meanwhile. `false`
   */
  readonly specialFiles?: boolean | undefined;
  /** Bytes a second, of all files together, from the first byte on. */
  readonly limitRate?: number | undefined;
  /** Told how far the transfer is: ten times a second at most, and at its end. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /**
   * Asked about a file that failed. `skip` goes on and the failure is in the result; `stop`
   * ends the transfer with it. Where there is no such function the other files arrive, and
   * the transfer rejects at its end. It may be asynchronous: the other files go on meanwhile.
   */
  readonly onError?:
    | ((error: unknown, path: string) => 'skip' | 'stop' | Promise<'skip' | 'stop'>)
    | undefined;
}

/** What a filter is told of an entry. */
export interface TransferEntry {
  /** What it is. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Bytes, where they are known before the file is opened. */
  readonly size: number | undefined;
}

/** Options, completed. */
export interface ResolvedTransfer {
  readonly recursive: boolean;
  readonly concurrency: number;
  readonly resume: boolean;
  readonly preserve: Required<Preserved> | undefined;
  readonly atomic: boolean;
  readonly verify: 'size' | 'sha256';
  readonly filter: TransferOptions['filter'];
  readonly links: 'follow' | 'skip' | 'copy';
  readonly sparse: boolean;
  readonly specialFiles: boolean;
  readonly limitRate: number;
  readonly onProgress: TransferOptions['onProgress'];
  readonly onError: TransferOptions['onError'];
}

const usualConcurrency = 32;
const mostConcurrency = 1024;

const preservedTable: OptionTable<Preserved> = { times: flag, mode: flag, setuid: flag, owner: flag };

const preserveRule: OptionRule = {
  takes: 'true, false or an object with times, mode, setuid, owner',
  accepts: (value) => typeof value === 'boolean' || isObject(value),
};

export const transferTable: OptionTable<TransferOptions> = {
  ...callRules,
  recursive: flag,
  concurrency: wholeNumber(1, mostConcurrency),
  resume: flag,
  preserve: preserveRule,
  atomic: flag,
  verify: oneOf('size', 'sha256'),
  filter: callback,
  links: oneOf('follow', 'skip', 'copy'),
  sparse: flag,
  specialFiles: flag,
  limitRate: {
    takes: 'a positive number of bytes a second',
    accepts: (value) => typeof value === 'number' && value > 0,
  },
  onProgress: callback,
  onError: callback,
};

/** Names that people bring from ssh2, node-ssh, ssh2-sftp-client and OpenSSH. */
export const transferNames: OtherNames = {
  step: { use: 'onProgress' },
  tick: { use: 'onProgress' },
  progress: { use: 'onProgress' },
  validate: { use: 'filter' },
  chunkSize: { note: 'sizes follow what the server takes and what the path carries' },
  mode: { use: 'preserve', note: 'it keeps the permissions of the source' },
  fileMode: { use: 'preserve', note: 'it keeps the permissions of the source' },
  flags: { use: 'resume', note: 'or atomic: false, which writes in place' },
  append: { use: 'resume' },
  useFastput: { note: 'every put is pipelined' },
  useFastget: { note: 'every get is pipelined' },
  promiseLimit: { use: 'concurrency' },
  limit: { use: 'limitRate', note: 'in bytes a second' },
  bandwidth: { use: 'limitRate', note: 'in bytes a second' },
  overwrite: { note: 'a file in the way is replaced' },
  preserveTimestamps: { use: 'preserve' },
  checksum: { use: 'verify', note: "'sha256'" },
  followSymlinks: { use: 'links', note: "'follow'" },
  dereference: { use: 'links', note: "'follow'" },
};

/** @throws SshError `ERR_SSH_OPTIONS` */
export function checkTransfer(of: string, given: TransferOptions): void {
  checkOptions(given, { of, table: transferTable, otherNames: transferNames });
  if (isObject(given.preserve))
    checkOptions(given.preserve, { of: `${of}, preserve`, table: preservedTable });
}

/** The options, checked and completed. @throws SshError `ERR_SSH_OPTIONS` */
export function resolveTransfer(of: string, given: TransferOptions): ResolvedTransfer {
  checkTransfer(of, given);
  return {
    recursive: given.recursive ?? false,
    concurrency: given.concurrency ?? usualConcurrency,
    resume: given.resume ?? false,
    preserve: preservedOf(given.preserve),
    atomic: given.atomic ?? true,
    verify: given.verify ?? 'size',
    filter: given.filter,
    links: given.links ?? 'follow',
    sparse: given.sparse ?? false,
    specialFiles: given.specialFiles ?? false,
    limitRate: given.limitRate ?? Number.POSITIVE_INFINITY,
    onProgress: given.onProgress,
    onError: given.onError,
  };
}

function preservedOf(given: boolean | Preserved | undefined): Required<Preserved> | undefined {
  if (given === undefined || given === false) return undefined;
  const { times = true, mode = true, setuid = false, owner = false } = given === true ? {} : given;
  return { times, mode, setuid, owner };
}
