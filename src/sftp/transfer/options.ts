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

/** What a transfer keeps of a file in addition to its bytes. */
export interface Preserved {
  /** The times of its last change and its last read. Default: `true`. */
  readonly times?: boolean | undefined;
  /** Its permissions, without setuid, setgid and sticky. Default: `true`. */
  readonly mode?: boolean | undefined;
  /** Setuid, setgid and sticky too. Default: `false`. */
  readonly setuid?: boolean | undefined;
  /** Owner and group, by number. Usually only root may set them. Default: `false`. */
  readonly owner?: boolean | undefined;
}

/** What `get` and `put` take. */
export interface TransferOptions extends CallOptions {
  /** Transfers folders with everything in them. Default: `false`. */
  readonly recursive?: boolean | undefined;
  /** The most files in transfer at once. Default: 32. */
  readonly concurrency?: number | undefined;
  /** Continues the part that an earlier transfer left, if the end of that part is the same on both sides. Default: `false`. */
  readonly resume?: boolean | undefined;
  /** Keeps times and permissions (`true`), or what you name. If a side refuses to set them, that is an error. Default: `false`. */
  readonly preserve?: boolean | Preserved | undefined;
  /** Writes beside the target and renames at the end, so the target is never half a file. Default: `true`. */
  readonly atomic?: boolean | undefined;
  /** How to check the result. `size` is always checked; `sha256` also hashes both files, on the server with a command if one can run. Default: `size`. */
  readonly verify?: 'size' | 'sha256' | undefined;
  /** Returns whether to take an entry of a folder; without a folder, everything below it is left out too. It may be asynchronous. Default: takes all. */
  readonly filter?: ((path: string, entry: TransferEntry) => boolean | Promise<boolean>) | undefined;
  /** What to do with links in folders. `follow` takes the file behind a link, but no folder; `skip` leaves links out; `copy` makes the link, unless it leads out of the tree. Default: `follow`. */
  readonly links?: 'follow' | 'skip' | 'copy' | undefined;
  /** Leaves out blocks of zeros, if the side that is written makes holes of them. Default: `false`. */
  readonly sparse?: boolean | undefined;
  /**
   * For `get`: reads a device, a pipe or a socket that you name. A pipe that nobody writes into
   * keeps the server waiting, and OpenSSH's server does nothing else meanwhile. Default: `false`.
   */
  readonly specialFiles?: boolean | undefined;
  /** The most bytes a second, for all files together, from the first byte on. Default: no limit. */
  readonly limitRate?: number | undefined;
  /** Gets the progress of the transfer, at most ten times a second, and at the end. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /**
   * Decides about a file that failed. `skip` goes on, and the result has the failure; `stop`
   * ends the transfer with it. It may be asynchronous: the other files go on meanwhile.
   * Default: the other files arrive, and the transfer rejects at its end.
   */
  readonly onError?:
    | ((error: unknown, path: string) => 'skip' | 'stop' | Promise<'skip' | 'stop'>)
    | undefined;
}

/** What a filter gets about an entry. */
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
