/**
 * Handlers that make a store of one's own.
 *
 * Owns: the calls that an application answers, in its own terms (paths as text, times as
 * dates), and their translation; the check of what they give.
 * Must not know: packets, sessions.
 */
import { utf8Encode } from '../../base/bytes.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  describeValue,
  isObject,
  type OptionTable,
} from '../../base/optionChecks.ts';
import { type FileAttributes, fileTypes } from '../packet/attributes.ts';
import type { FilesystemStatus } from '../packet/extensions.ts';
import {
  type OpenHow,
  type SftpContext,
  SftpRefusal,
  type SftpStore,
  type StoreAttributes,
  type StoreEntry,
  type StoreFile,
  type StoreFolder,
  type StoreSession,
} from './store.ts';
import { isBeneath, normalPath } from './virtualPath.ts';

type Awaitable<T> = T | Promise<T>;

/** What a handler says of a file. */
export interface ServedAttributes {
  /** What it is. Default: `file`. */
  readonly type?: 'file' | 'folder' | 'link' | 'other' | undefined;
  /** Size in bytes. Default: 0. */
  readonly size?: number | bigint | undefined;
  /** Permissions. 0o644, of a folder 0o755 */
  readonly mode?: number | undefined;
  /** Number of the owner. Default: 0. */
  readonly uid?: number | undefined;
  /** Number of the group. Default: 0. */
  readonly gid?: number | undefined;
  /** The time of its last change. Default: 1970. */
  readonly mtime?: Date | undefined;
  /** When it was read. As `mtime` */
  readonly atime?: Date | undefined;
}

/** What a client changes; what is undefined stays. */
export interface AttributeChanges {
  /** Bytes: the file is cut or filled up with zeros. */
  readonly size?: bigint | undefined;
  /** Permissions. */
  readonly mode?: number | undefined;
  /** Number of the owner. */
  readonly uid?: number | undefined;
  /** Number of the group. */
  readonly gid?: number | undefined;
  /** When it was read. */
  readonly atime?: Date | undefined;
  /** When it was changed. */
  readonly mtime?: Date | undefined;
}

/** An entry of a folder. */
export interface ServedEntry extends ServedAttributes {
  /** Without `/` and NUL in it. */
  readonly name: string | Uint8Array;
}

/** A file that a handler has opened. Reads may run beside each other; everything else has its turn. */
export interface ServedFile {
  /** Bytes from `position` on: `length` at most, fewer where the file ends, none at its end. */
  readonly read?: ((length: number, position: number) => Awaitable<Uint8Array>) | undefined;
  /** `data` may be kept: nobody else writes to it. */
  readonly write?: ((data: Uint8Array, position: number) => Awaitable<void>) | undefined;
  /** What the open file is like; answered as unsupported where not given. */
  readonly stat?: (() => Awaitable<ServedAttributes>) | undefined;
  /** Changes the open file; answered as unsupported where not given. */
  readonly setAttributes?: ((changes: AttributeChanges) => Awaitable<void>) | undefined;
  /** Resolves when what was written is where nothing takes it away. */
  readonly sync?: (() => Awaitable<void>) | undefined;
  /** Called once, also where the client is gone. */
  readonly close?: (() => Awaitable<void>) | undefined;
}

/**
 * What an application serves. Each path is absolute, without `.`, `..` and double `/` in it.
 * A handler that is not given is answered as unsupported. What one throws is a status
 * (`SftpRefusal`, an error of the system with a code such as `ENOENT`), or else a failure,
 * which `onError` of the server is told. One that answers `undefined` for attributes says that
 * there is no such file. One that takes longer than `timeouts.request` is answered for, and the
 * calls behind it begin although it goes on.
 */
export interface SftpHandlers {
  /** Opens or makes a file. */
  readonly open?: ((path: string, how: OpenHow, context: SftpContext) => Awaitable<ServedFile>) | undefined;
  /** Lists a folder, whole or piece by piece. */
  readonly readdir?:
    | ((path: string, context: SftpContext) => Awaitable<Iterable<ServedEntry> | AsyncIterable<ServedEntry>>)
    | undefined;
  /** Of what a link leads to. */
  readonly stat?:
    | ((path: string, context: SftpContext) => Awaitable<ServedAttributes | undefined>)
    | undefined;
  /** Of a link itself; `stat` where not given. */
  readonly lstat?:
    | ((path: string, context: SftpContext) => Awaitable<ServedAttributes | undefined>)
    | undefined;
  /** `followsLink`: of what a link leads to, and else of itself. */
  readonly setAttributes?:
    | ((
        path: string,
        changes: AttributeChanges,
        followsLink: boolean,
        context: SftpContext,
      ) => Awaitable<void>)
    | undefined;
  /** Removes a file or a link. */
  readonly unlink?: ((path: string, context: SftpContext) => Awaitable<void>) | undefined;
  /** Makes a folder. */
  readonly mkdir?: ((path: string, mode: number, context: SftpContext) => Awaitable<void>) | undefined;
  /** Removes an empty folder. */
  readonly rmdir?: ((path: string, context: SftpContext) => Awaitable<void>) | undefined;
  /** `replaces`: a file that has the new name goes; it is an error otherwise. */
  readonly rename?:
    | ((from: string, to: string, replaces: boolean, context: SftpContext) => Awaitable<void>)
    | undefined;
  /** The target of a link. */
  readonly readlink?: ((path: string, context: SftpContext) => Awaitable<string>) | undefined;
  /** `target` is as the client wrote it. */
  readonly symlink?: ((target: string, path: string, context: SftpContext) => Awaitable<void>) | undefined;
  /** Gives a file a second name (OpenSSH PROTOCOL §4.5). */
  readonly link?: ((existing: string, path: string, context: SftpContext) => Awaitable<void>) | undefined;
  /** Where a path truly leads, links followed. The path itself where not given. */
  readonly realpath?: ((path: string, context: SftpContext) => Awaitable<string>) | undefined;
  /** Size and room of the file system (OpenSSH PROTOCOL §4.4). */
  readonly statfs?:
    | ((path: string, context: SftpContext) => Awaitable<Partial<FilesystemStatus>>)
    | undefined;
}

const table: OptionTable<SftpHandlers> = {
  open: callback,
  readdir: callback,
  stat: callback,
  lstat: callback,
  setAttributes: callback,
  unlink: callback,
  mkdir: callback,
  rmdir: callback,
  rename: callback,
  readlink: callback,
  symlink: callback,
  link: callback,
  realpath: callback,
  statfs: callback,
};

/** Whether there is a handler among the members of an object. */
export function hasHandlers(given: unknown): boolean {
  return isObject(given) && Object.keys(table).some((name) => typeof given[name] === 'function');
}

/**
 * Checks handlers. An object of a class may also have members of its own.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkHandlers(given: unknown): asserts given is SftpHandlers {
  checkArgument('what serveFiles serves', given, {
    takes: `an object with handlers such as ${Object.keys(table).slice(0, 3).join(', ')}`,
    accepts: (value) => isObject(value) && !(Symbol.iterator in value),
  });
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(given));
  const known = Object.entries(given as SftpHandlers).filter(([name]) => Object.hasOwn(table, name));
  checkOptions(isPlain ? given : Object.fromEntries(known), {
    of: 'serveFiles',
    table,
    otherNames: {
      opendir: { use: 'readdir' },
      remove: { use: 'unlink' },
      rm: { use: 'unlink' },
      setstat: { use: 'setAttributes' },
      chmod: { use: 'setAttributes' },
      utimes: { use: 'setAttributes' },
      truncate: { use: 'setAttributes' },
      read: { note: 'what open answers with has read, write and close' },
      write: { note: 'what open answers with has read, write and close' },
      close: { note: 'what open answers with has read, write and close' },
    },
  });
}

/**
 * A store of one's own for `createServer`.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 * @example
 * ```ts
 * import { createServer, serveFiles } from 'deadline-ssh/server';
 * const motd = new TextEncoder().encode('hello\n');
 * const sftp = serveFiles({
 *   stat: (path) => (path === '/' ? { type: 'folder' } : path === '/motd' ? { size: motd.length } : undefined),
 *   readdir: () => [{ name: 'motd', size: motd.length }],
 *   open: () => ({ read: (length, position) => motd.subarray(position, position + length) }),
 * });
 * const server = (hostKeys: string) =>
 *   createServer({ hostKeys, authentication: { none: () => true }, sftp });
 * ```
 */
export function serveFiles(handlers: SftpHandlers): SftpStore {
  checkHandlers(handlers);
  return { begin: async (context) => sessionOf(handlers, context) };
}

function sessionOf(handlers: SftpHandlers, context: SftpContext): StoreSession {
  const { open, readdir, stat, lstat, setAttributes, unlink, mkdir, rmdir } = bound(handlers);
  const { rename, readlink, symlink, link, realpath, statfs } = bound(handlers);
  return {
    realpath: async (path) => {
      const asked = textPath(path);
      return utf8Encode(realpath === undefined ? asked : given(await realpath(asked, context), 'realpath'));
    },
    attributes:
      stat &&
      (async (path, follows) => {
        const ask = follows ? stat : (lstat ?? stat);
        const found = await ask(textPath(path), context);
        if (found === undefined || found === null) throw new SftpRefusal('noSuchFile');
        return attributesOf(found);
      }),
    setAttributes:
      setAttributes &&
      (async (path, changes, follows) => {
        await setAttributes(textPath(path), changesOf(changes), follows, context);
      }),
    open: open && (async (path, how) => fileOf(await open(textPath(path), how, context), how)),
    openFolder: readdir && (async (path) => folderOf(await readdir(textPath(path), context))),
    remove: unlink && (async (path) => unlink(textPath(path), context)),
    makeFolder: mkdir && (async (path, mode = 0o777) => mkdir(textPath(path), mode & 0o777, context)),
    removeFolder: rmdir && (async (path) => rmdir(textPath(path), context)),
    rename:
      rename &&
      (async (from, to, replaces) => {
        const [old, fresh] = [textPath(from), textPath(to)];
        if (isBeneath(fresh, old)) throw new SftpRefusal('failure', 'a folder does not go into itself');
        await rename(old, fresh, replaces, context);
      }),
    readLink:
      readlink && (async (path) => utf8Encode(given(await readlink(textPath(path), context), 'readlink'))),
    makeLink: symlink && (async (target, path) => symlink(utf8Text(target), textPath(path), context)),
    hardLink: link && (async (from, to) => link(textPath(from), textPath(to), context)),
    statFilesystem: statfs && (async (path) => filesystemOf(await statfs(textPath(path), context))),
    syncs: true,
    isReadOnly: false,
    close: async () => {},
  };
}

/** The handlers, called on the object that they were given in. */
function bound(handlers: SftpHandlers): SftpHandlers {
  const entries = Object.keys(table).map((name) => {
    const handler: unknown = Reflect.get(handlers, name);
    return [name, typeof handler === 'function' ? handler.bind(handlers) : undefined];
  });
  return Object.fromEntries(entries) as SftpHandlers;
}

/** @throws SftpRefusal where it is no text */
function textPath(path: Uint8Array): string {
  return normalPath(utf8Text(path));
}

function utf8Text(path: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(path);
  } catch (error) {
    throw new SftpRefusal('noSuchFile', 'names are UTF-8 here', { cause: error });
  }
}

/** @throws TypeError that the application is told of */
function given(value: unknown, of: string): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`${of} must answer with a string, not ${describeValue(value)}`);
}

const types = {
  file: fileTypes.file,
  folder: fileTypes.folder,
  link: fileTypes.link,
  other: fileTypes.characterDevice,
} as const;

function attributesOf(found: unknown): StoreAttributes {
  if (!isObject(found)) throw new TypeError(`attributes must be an object, not ${describeValue(found)}`);
  const { type = 'file', size = 0, mode, uid = 0, gid = 0, mtime, atime = mtime } = found as ServedAttributes;
  if (!Object.hasOwn(types, type)) throw new TypeError(`${describeValue(type)} is not a type of a file`);
  const permissions = mode ?? (type === 'folder' ? 0o755 : type === 'link' ? 0o777 : 0o644);
  return {
    size: BigInt(size),
    permissions: types[type] | (permissions & 0o7777),
    uid: uid >>> 0,
    gid: gid >>> 0,
    mtime: secondsOf(mtime),
    atime: secondsOf(atime),
  };
}

/** SFTP has seconds from 1970 to 2106. */
function secondsOf(date: Date | undefined): number {
  const seconds = Math.floor(Number(date) / 1000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 0xffff_ffff) : 0;
}

function changesOf({ size, permissions, uid, gid, atime, mtime }: FileAttributes): AttributeChanges {
  const date = (seconds: number | undefined): Date | undefined =>
    seconds === undefined ? undefined : new Date(seconds * 1000);
  const mode = permissions === undefined ? undefined : permissions & 0o7777;
  return { size, mode, uid, gid, atime: date(atime), mtime: date(mtime) };
}

function fileOf(found: unknown, how: OpenHow): StoreFile {
  if (!isObject(found)) throw new TypeError(`open must answer with a file, not ${describeValue(found)}`);
  const file = found as ServedFile;
  return {
    read: async (into, position) => {
      if (!how.reads || file.read === undefined) throw new SftpRefusal('permissionDenied');
      const bytes: unknown = await file.read(into.length, exact(position));
      if (!(bytes instanceof Uint8Array) || bytes.length > into.length) {
        throw new TypeError(`read must answer with ${into.length} bytes at most, not ${lengthOf(bytes)}`);
      }
      into.set(bytes);
      return bytes.length;
    },
    write: async (data, position) => {
      if (!how.writes || file.write === undefined) throw new SftpRefusal('permissionDenied');
      await file.write(data, exact(position));
    },
    attributes: async () => {
      if (file.stat === undefined) throw new SftpRefusal('opUnsupported');
      return attributesOf(await file.stat());
    },
    setAttributes: async (changes) => {
      if (file.setAttributes === undefined) throw new SftpRefusal('opUnsupported');
      await file.setAttributes(changesOf(changes));
    },
    sync: async () => {
      if (file.sync === undefined) throw new SftpRefusal('opUnsupported');
      await file.sync();
    },
    close: async () => {
      await file.close?.();
    },
  };
}

function lengthOf(value: unknown): string {
  return value instanceof Uint8Array ? `${value.length}` : describeValue(value);
}

/** @throws SftpRefusal for a place that no file here has */
function exact(position: bigint): number {
  if (position <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(position);
  throw new SftpRefusal('failure', 'no file is as long');
}

/** Entries in one step of a listing. */
const entriesInARow = 128;

function folderOf(found: unknown): StoreFolder {
  const isList = isObject(found) && (Symbol.asyncIterator in found || Symbol.iterator in found);
  if (!isList)
    throw new TypeError(`readdir must answer with an iterable of entries, not ${describeValue(found)}`);
  const entries = found as unknown as AsyncIterable<unknown> & Iterable<unknown>;
  const iterator =
    Symbol.asyncIterator in entries ? entries[Symbol.asyncIterator]() : asAsync(entries as Iterable<unknown>);
  return {
    next: async () => {
      const batch: StoreEntry[] = [];
      while (batch.length < entriesInARow) {
        const { done, value } = await iterator.next();
        if (done === true) break;
        batch.push(entryOf(value));
      }
      return batch;
    },
    close: async () => {
      await iterator.return?.();
    },
  };
}

async function* asAsync(entries: Iterable<unknown>): AsyncGenerator<unknown> {
  yield* entries;
}

function entryOf(value: unknown): StoreEntry {
  if (!isObject(value)) throw new TypeError(`an entry must be an object, not ${describeValue(value)}`);
  const { name } = value as unknown as ServedEntry;
  const bytes = typeof name === 'string' ? utf8Encode(name) : name;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0 || bytes.includes(0) || bytes.includes(0x2f)) {
    throw new TypeError('the name of an entry is text or bytes without / and NUL in it, and not empty');
  }
  return { name: bytes, attributes: attributesOf(value) };
}

function filesystemOf(found: unknown): FilesystemStatus {
  if (!isObject(found)) throw new TypeError(`statfs must answer with an object, not ${describeValue(found)}`);
  const all = {
    bsize: 4096n,
    frsize: 4096n,
    blocks: 0n,
    bfree: 0n,
    bavail: 0n,
    files: 0n,
    ffree: 0n,
  } as const;
  return { ...all, favail: 0n, fsid: 0n, flag: 0n, namemax: 255n, ...(found as Partial<FilesystemStatus>) };
}
