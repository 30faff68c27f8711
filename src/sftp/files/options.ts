/**
 * The options of the calls on files.
 *
 * Owns: what each call takes, and the rules for checking it.
 * Must not know: how any of them is carried out.
 */

import {
  callback,
  checkOption,
  checkOptions,
  describeValue,
  flag,
  isObject,
  type OptionRule,
  type OptionTable,
  oneOf,
  optionsError,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { CallOptions } from '../seam/channel.ts';
import { callRules, mode } from '../session/callRules.ts';
import type { OpenFlag } from './content/flags.ts';
import { type Encoding, encodings } from './content/text.ts';
import type { WalkFault } from './tree/walk.ts';

/** What `stat` and `lstat` take. */
export interface StatOptions extends CallOptions {
  /** Gives every number as a bigint, so sizes are exact beyond 2^53. Default: `false`. */
  readonly bigint?: boolean | undefined;
}

/** What `readFile` takes. */
export interface ReadFileOptions extends CallOptions {
  /** Gives text in this encoding. Default: bytes. */
  readonly encoding?: Encoding | undefined;
}

/** What `writeFile` and `appendFile` take. */
export interface WriteFileOptions extends CallOptions {
  /** Permissions of a new file, minus the server's umask. Default: what the server chooses. */
  readonly mode?: number | undefined;
  /** How to open the file. Default: `w`; for `appendFile`: `a`. */
  readonly flag?: OpenFlag | undefined;
}

/** What `readdir` takes. */
export interface ReaddirOptions extends CallOptions {
  /** Gives entries with their attributes instead of names. Default: `false`. */
  readonly withFileTypes?: boolean | undefined;
  /** `buffer` gives names as bytes. Default: `utf8`. */
  readonly encoding?: 'utf8' | 'buffer' | undefined;
}

/** What `mkdir` takes. */
export interface MkdirOptions extends CallOptions {
  /** Makes missing parent folders too, and accepts a folder that exists. Default: `false`. */
  readonly recursive?: boolean | undefined;
  /** Permissions, minus the server's umask. Default: what the server chooses. */
  readonly mode?: number | undefined;
}

/** What `rename` takes. */
export interface RenameOptions extends CallOptions {
  /** Replaces a file that has the new name; `false` makes that an error. Default: `true`. */
  readonly replace?: boolean | undefined;
}

/** What `rm` takes. */
export interface RmOptions extends CallOptions {
  /** Removes a folder with everything in it. It removes links and does not follow them. Default: `false`. */
  readonly recursive?: boolean | undefined;
  /** Ignores a path that does not exist. Default: `false`. */
  readonly force?: boolean | undefined;
}

/** What `realpath` and `readlink` take. */
export interface PathOptions extends CallOptions {
  /** `buffer` gives bytes. Default: `utf8`. */
  readonly encoding?: 'utf8' | 'buffer' | undefined;
}

/** What `copyFile` takes. */
export interface CopyFileOptions extends CallOptions {
  /** Fails if the target exists. Default: `false`. */
  readonly exclusive?: boolean | undefined;
}

/** What `glob` takes. */
export interface GlobOptions extends CallOptions {
  /** Gives entries with their attributes instead of paths. Default: `false`. */
  readonly withFileTypes?: boolean | undefined;
  /** Lets `*` and `**` match names that begin with a dot. Default: `false`. */
  readonly dot?: boolean | undefined;
}

/** What `walk` takes. */
export interface WalkOptions extends CallOptions {
  /** Decides about a folder that cannot be listed or is too deep. Without it, such a folder ends the walk. */
  readonly onError?: WalkFault | undefined;
}

/** A place in a file; `null` for behind the last read or write that gave none. */
export type Position = number | bigint | null;

/** What `read` and `write` take in place of an offset. */
export interface SpanOptions extends CallOptions {
  /** First byte of the buffer. Default: 0. */
  readonly offset?: number | null | undefined;
  /** Bytes. All that the buffer has behind the offset */
  readonly length?: number | null | undefined;
  /** Place in the file. `null`, behind the last read or write that gave none */
  readonly position?: Position | undefined;
}

/** What `read` takes in place of a buffer. */
export interface ReadOptions<T extends ArrayBufferView = Uint8Array> extends SpanOptions {
  /** Where the bytes go. 16 KiB of its own */
  readonly buffer?: T | undefined;
}

/** What `createReadStream` takes. */
export interface ReadStreamOptions {
  /** Position of the first byte. Default: 0. */
  readonly start?: number | undefined;
  /** Position of the last byte, which is included, as in Node's `fs`. Default: the end of the file. */
  readonly end?: number | undefined;
  /** Gives chunks as text in this encoding. Default: bytes. */
  readonly encoding?: 'utf8' | 'latin1' | 'hex' | undefined;
  /** Bytes the stream itself holds ahead of its consumer. Default: 256 KiB. */
  readonly highWaterMark?: number | undefined;
  /** Destroys the stream when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** What `createWriteStream` takes. */
export interface WriteStreamOptions {
  /** How to open the file. Default: `w`. */
  readonly flags?: OpenFlag | undefined;
  /** Permissions of a new file, minus the server's umask. Default: what the server chooses. */
  readonly mode?: number | undefined;
  /** Position of the first byte to write; with `flags: 'r+'` it changes a part of a file. Default: 0. */
  readonly start?: number | undefined;
  /** Bytes the stream itself holds before it asks its writer to wait. Default: 256 KiB. */
  readonly highWaterMark?: number | undefined;
  /** Destroys the stream when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

const anyFlag: OptionRule = {
  takes: "a flag such as 'w' or 'a'",
  accepts: (value) => typeof value === 'string',
};
const position: OptionRule = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const nameEncoding = oneOf('utf8', 'buffer');

/** A check for each call. @throws SshError `ERR_SSH_OPTIONS` */
function checker<Options>(of: string, table: OptionTable<Options>): (given: Options) => void {
  return (given) => checkOptions(given, { of, table });
}

export const checkCall: (given: CallOptions) => void = checker<CallOptions>('a call', callRules);
const offset: OptionRule = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const orNull = (rule: OptionRule): OptionRule => ({
  takes: `${rule.takes} or null`,
  accepts: (value) => value === null || rule.accepts(value),
});
/** The place in a file is checked where it is used. */
const anyPosition: OptionRule = {
  takes: 'a number, a bigint or null',
  accepts: (value) => value === null || typeof value === 'number' || typeof value === 'bigint',
};
const spanRules = { ...callRules, offset: orNull(offset), length: orNull(offset), position: anyPosition };
export const checkSpan: (given: SpanOptions) => void = checker<SpanOptions>('read and write', spanRules);
export const checkReadInto: (given: ReadOptions<ArrayBufferView>) => void = checker<
  ReadOptions<ArrayBufferView>
>('read', {
  ...spanRules,
  buffer: { takes: 'a Uint8Array or another view of memory', accepts: (value) => ArrayBuffer.isView(value) },
});
export const checkStat: (given: StatOptions) => void = checker<StatOptions>('stat', {
  ...callRules,
  bigint: flag,
});
export const checkReadFile: (given: ReadFileOptions) => void = checker<ReadFileOptions>('readFile', {
  ...callRules,
  encoding: oneOf(...encodings),
});
export const checkWriteFile: (given: WriteFileOptions) => void = checker<WriteFileOptions>('writeFile', {
  ...callRules,
  mode,
  flag: anyFlag,
});
/** A mode that is no option of a call. @throws SshError `ERR_SSH_OPTIONS` */
export function checkMode(given: unknown): void {
  checkOption('mode', given, mode);
}

export const checkReaddir: (given: ReaddirOptions) => void = checker<ReaddirOptions>('readdir', {
  ...callRules,
  withFileTypes: flag,
  encoding: nameEncoding,
});
export const checkMkdir: (given: MkdirOptions) => void = checker<MkdirOptions>('mkdir', {
  ...callRules,
  recursive: flag,
  mode,
});
export const checkRename: (given: RenameOptions) => void = checker<RenameOptions>('rename', {
  ...callRules,
  replace: flag,
});
export const checkRm: (given: RmOptions) => void = checker<RmOptions>('rm', {
  ...callRules,
  recursive: flag,
  force: flag,
});
export const checkPath: (given: PathOptions) => void = checker<PathOptions>('a call', {
  ...callRules,
  encoding: nameEncoding,
});
export const checkCopyFile: (given: CopyFileOptions) => void = checker<CopyFileOptions>('copyFile', {
  ...callRules,
  exclusive: flag,
});
export const checkGlob: (given: GlobOptions) => void = checker<GlobOptions>('glob', {
  ...callRules,
  withFileTypes: flag,
  dot: flag,
});
export const checkWalk: (given: WalkOptions) => void = checker<WalkOptions>('walk', {
  ...callRules,
  onError: callback,
});
export const checkReadStream: (given: ReadStreamOptions) => void = checker<ReadStreamOptions>(
  'createReadStream',
  {
    start: position,
    end: position,
    encoding: oneOf('utf8', 'latin1', 'hex'),
    highWaterMark: wholeNumber(1, 1024 * 1024 * 1024),
    signal: callRules.signal,
  },
);
export const checkWriteStream: (given: WriteStreamOptions) => void = checker<WriteStreamOptions>(
  'createWriteStream',
  {
    flags: anyFlag,
    mode,
    start: position,
    highWaterMark: wholeNumber(1, 1024 * 1024 * 1024),
    signal: callRules.signal,
  },
);

/** As in Node's `fs`, an encoding alone may stand for the options. */
export function optionsOf<Options>(given: Options | Encoding | undefined): Options {
  if (typeof given === 'string') return { encoding: given } as Options;
  return (isObject(given) ? given : (given ?? {})) as Options;
}

/** The type of a file, which the mode of its attributes has as well. */
const typeOfFile = 0o170000;

/**
 * Permissions, from a mode that may be that of a file's attributes.
 *
 * @throws SshError `ERR_SSH_OPTIONS`: a mode of any other kind would leave a file with permissions that nobody meant
 */
export function checkedPermissions(given: number): number {
  const isMode = Number.isInteger(given) && given >= 0 && given <= (typeOfFile | 0o7777);
  if (isMode) return given & 0o7777;
  throw optionsError(`mode must be a mode such as 0o644, not ${describeValue(given)}`);
}

/** A place in a file, or a length of one. @throws SshError `ERR_SSH_OPTIONS` */
export function checkedPosition(position: number | bigint): number {
  const value = typeof position === 'bigint' ? Number(position) : position;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw optionsError('a position must be a whole number from 0 to 2^53-1');
}
