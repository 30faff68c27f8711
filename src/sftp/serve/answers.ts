/**
 * What a store answers to each request.
 *
 * Owns: the translation of requests into calls of a store and of handles, and of what they
 * give into answers; what may run at the same time.
 * Must not know: packets' bytes, channels, deadlines.
 *
 * Calls on paths that change something run alone and in their turn, since a client may ask
 * for the next step before it has the answer to the last. So do calls on one handle, and
 * reads run beside each other. Calls on paths that follow the CLOSE of a file that was written
 * wait for it: sshfs renames such a file before it has the answer.
 */
import { escapeText, utf8Decode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import * as extensions from '../packet/extensions.ts';
import { dataHeaderLength } from '../packet/frame.ts';
import { openFlags } from '../packet/numbers.ts';
import type { SftpRequest } from '../packet/requests.ts';
import type { NameEntry, SftpResponse } from '../packet/responses.ts';
import { statusCodes } from '../packet/status.ts';
import type { SymlinkOrder } from '../protocol/quirks.ts';
import { statusResponse } from '../protocol/server.ts';
import { copyOnServer } from './copyData.ts';
import { longName } from './longName.ts';
import type { OpenHandles } from './openHandles.ts';
import { type Caller, WorkOrder } from './order.ts';
import { ownerNamesAnswer } from './ownerNames.ts';
import { type OpenHow, SftpRefusal, type StoreEntry, type StoreSession } from './store.ts';

/** An answer, or the packet of a DATA with room for what stands before its data. */
export type Answer = SftpResponse | { readonly kind: 'block'; readonly block: Uint8Array };

export interface AnswerParts {
  readonly store: StoreSession;
  readonly handles: OpenHandles;
  readonly limits: Limits;
  readonly symlinkOrder: SymlinkOrder;
  /** For listings, in milliseconds since 1970. */
  readonly date: () => number;
  /** The session is over: nothing long goes on. */
  readonly isOver: () => boolean;
}

/** A request while it is carried out. */
export interface Undertaking {
  readonly caller: Caller;
  /** Work that takes long goes on. */
  readonly moved: () => void;
}

/** Bytes of a packet that stand around the data of a READ or WRITE, at most. */
const overhead = 1024;
/** Bytes of the entries in one answer to READDIR, and their number. */
const longestListing = 32 * 1024;
const mostEntries = 256;

/** What READ gives, and WRITE takes, in one packet. */
export const longestData = ({ sftpPacketLength }: Pick<Limits, 'sftpPacketLength'>): number =>
  sftpPacketLength - overhead;

export class Answers {
  private readonly parts: AnswerParts;
  private readonly paths = new WorkOrder();
  private readonly copies = new WorkOrder();

  constructor(parts: AnswerParts) {
    this.parts = parts;
  }

  /** @throws SftpRefusal, and whatever a store throws */
  async to(request: SftpRequest, undertaking: Undertaking): Promise<Answer> {
    const { store, handles } = this.parts;
    const { caller } = undertaking;
    switch (request.kind) {
      case 'open':
        return this.open(request.filename, request.pflags, request.attrs.permissions, caller);
      case 'close':
        return this.ok(this.close(request.handle, caller));
      case 'read':
        return this.read(request.handle, request.offset, request.length, caller);
      case 'write': {
        const { file, order } = handles.file(request.handle);
        this.checkChanges();
        return this.ok(order.alone(() => file.write(request.data, request.offset, caller), caller));
      }
      case 'fstat': {
        const { file, order } = handles.file(request.handle);
        return { kind: 'attrs', attrs: await order.beside(() => file.attributes(), caller) };
      }
      case 'fsetstat': {
        const { file, order } = handles.file(request.handle);
        this.checkChanges();
        return this.ok(order.alone(() => file.setAttributes(request.attrs, caller), caller));
      }
      case 'lstat':
      case 'stat': {
        const attributes = able(store, 'attributes');
        const path = this.path(request.path);
        return {
          kind: 'attrs',
          attrs: await this.paths.beside(() => attributes(path, request.kind === 'stat'), caller),
        };
      }
      case 'setstat': {
        const setAttributes = able(store, 'setAttributes');
        const path = this.path(request.path);
        return this.change(() => setAttributes(path, request.attrs, true, caller), caller);
      }
      case 'opendir': {
        const openFolder = able(store, 'openFolder');
        const path = this.path(request.path);
        const opening = (): Promise<Uint8Array> => {
          const step = async () => ({ folder: await openFolder(path), file: undefined, writes: false });
          return handles.open(path, step, caller);
        };
        return { kind: 'handle', handle: await this.paths.beside(opening, caller) };
      }
      case 'readdir':
        return this.readFolder(request.handle, caller);
      case 'remove':
        return this.changePath('remove', request.filename, caller);
      case 'mkdir': {
        const makeFolder = able(store, 'makeFolder');
        const path = this.path(request.path);
        return this.change(() => makeFolder(path, request.attrs.permissions), caller);
      }
      case 'rmdir':
        return this.changePath('removeFolder', request.path, caller);
      case 'realpath': {
        const path = this.path(request.path);
        return nameAnswer(await this.paths.beside(() => store.realpath(path), caller));
      }
      case 'rename':
        return this.rename(request.oldpath, request.newpath, false, caller);
      case 'readlink': {
        const readLink = able(store, 'readLink');
        const path = this.path(request.path);
        return nameAnswer(await this.paths.beside(() => readLink(path), caller));
      }
      case 'symlink':
        return this.makeLink(request.first, request.second, caller);
      case 'extended':
        return this.extended(request.extendedRequest, request.payload, undertaking);
      default:
        return request satisfies never;
    }
  }

  /** Runs work when all calls on paths have ended. */
  behindAll(work: () => Promise<void>): Promise<void> {
    return this.paths.last(work);
  }

  private async open(
    filename: Uint8Array,
    pflags: number,
    mode: number | undefined,
    caller: Caller,
  ): Promise<Answer> {
    const { store, handles } = this.parts;
    const open = able(store, 'open');
    const path = this.path(filename);
    const has = (flag: number): boolean => (pflags & flag) !== 0;
    const how: OpenHow = {
      reads: has(openFlags.read) || !has(openFlags.write | openFlags.append),
      writes: has(openFlags.write) || has(openFlags.append),
      appends: has(openFlags.append),
      creates: has(openFlags.create),
      truncates: has(openFlags.truncate),
      exclusive: has(openFlags.exclusive),
      mode,
    };
    // Who opens a file to read it may ask that it be made, or emptied.
    const changes = how.creates || how.truncates;
    if (how.writes || changes) this.checkChanges();
    const opening = (): Promise<Uint8Array> => {
      const step = async () => ({
        file: await open(path, how, caller),
        folder: undefined,
        writes: how.writes,
      });
      return handles.open(path, step, caller);
    };
    const handle = await (changes ? this.paths.alone(opening, caller) : this.paths.beside(opening, caller));
    return { kind: 'handle', handle };
  }

  private close(name: Uint8Array, caller: Caller): Promise<void> {
    const { handles } = this.parts;
    const { writes } = handles.find(name);
    const closing = handles.close(name);
    if (!writes) return closing;
    // It goes on where the turn is given up.
    closing.catch(() => {});
    return this.paths.alone(() => closing, caller);
  }

  private async read(handle: Uint8Array, offset: bigint, asked: number, caller: Caller): Promise<Answer> {
    const { handles, limits } = this.parts;
    const { file, order } = handles.file(handle);
    const length = Math.min(asked, longestData(limits));
    return order.beside(async () => {
      const block = new Uint8Array(dataHeaderLength + length);
      const count = length === 0 ? 0 : await file.read(block.subarray(dataHeaderLength), offset);
      if (count === 0) return statusResponse(statusCodes.eof);
      return { kind: 'block', block: block.subarray(0, dataHeaderLength + count) };
    }, caller);
  }

  private readFolder(handle: Uint8Array, caller: Caller): Promise<Answer> {
    const found = this.parts.handles.folder(handle);
    return found.order.alone(async () => {
      const names = await this.nextNames(found);
      return names.length === 0 ? statusResponse(statusCodes.eof) : { kind: 'name', names };
    }, caller);
  }

  /** As many entries as an answer takes; what the store gave beyond that is for the next one. */
  private async nextNames(found: ReturnType<OpenHandles['folder']>): Promise<NameEntry[]> {
    const names: NameEntry[] = [];
    const now = this.parts.date();
    let bytes = 0;
    const rest = found.rest;
    if (rest.length === 0) rest.push(...(await found.folder.next()));
    while (rest.length > 0 && names.length < mostEntries && bytes < longestListing) {
      const entry = rest.shift() as StoreEntry;
      const shown = { filename: entry.name, longname: longName(entry, now), attrs: entry.attributes };
      bytes += shown.filename.length + shown.longname.length + 64;
      names.push(shown);
    }
    return names;
  }

  private rename(
    oldpath: Uint8Array,
    newpath: Uint8Array,
    replaces: boolean,
    caller: Caller,
  ): Promise<Answer> {
    const rename = able(this.parts.store, 'rename');
    const from = this.path(oldpath);
    const to = this.path(newpath);
    return this.change(() => rename(from, to, replaces, caller), caller);
  }

  private makeLink(first: Uint8Array, second: Uint8Array, caller: Caller): Promise<Answer> {
    const { store, symlinkOrder } = this.parts;
    const makeLink = able(store, 'makeLink');
    const [target, path] = symlinkOrder === 'target' ? [first, second] : [second, first];
    const [checkedTarget, checkedPath] = [this.path(target), this.path(path)];
    return this.change(() => makeLink(checkedTarget, checkedPath), caller);
  }

  private async extended(name: string, payload: Uint8Array, undertaking: Undertaking): Promise<Answer> {
    const { store, handles, limits } = this.parts;
    const { caller } = undertaking;
    if (!extensions.isExtensionName(name)) throw unsupported();
    switch (name) {
      case 'posix-rename@openssh.com': {
        const { oldpath, newpath } = decoded(() => extensions.twoPaths.fromBytes(payload));
        return this.rename(oldpath, newpath, true, caller);
      }
      case 'hardlink@openssh.com': {
        const { oldpath, newpath } = decoded(() => extensions.twoPaths.fromBytes(payload));
        const hardLink = able(store, 'hardLink');
        const [from, to] = [this.path(oldpath), this.path(newpath)];
        return this.change(() => hardLink(from, to), caller);
      }
      case 'statvfs@openssh.com': {
        const path = this.path(decoded(() => extensions.onePath.fromBytes(payload)).path);
        const statFilesystem = able(store, 'statFilesystem');
        const status = await this.paths.beside(() => statFilesystem(path), caller);
        return reply(extensions.filesystemStatus.toBytes(status));
      }
      case 'fstatvfs@openssh.com': {
        const { file, order } = handles.file(decoded(() => extensions.oneHandle.fromBytes(payload)).handle);
        const status = await order.beside(async () => able(file, 'statFilesystem')(), caller);
        return reply(extensions.filesystemStatus.toBytes(status));
      }
      case 'fsync@openssh.com': {
        const { file, order } = handles.file(decoded(() => extensions.oneHandle.fromBytes(payload)).handle);
        return this.ok(order.alone(async () => able(file, 'sync')(), caller));
      }
      case 'lsetstat@openssh.com': {
        const { path, attrs } = decoded(() => extensions.lsetstat.fromBytes(payload));
        const setAttributes = able(store, 'setAttributes');
        const checked = this.path(path);
        return this.change(() => setAttributes(checked, attrs, false, caller), caller);
      }
      case 'limits@openssh.com':
        return reply(
          extensions.serverLimits.toBytes({
            maxPacketLength: BigInt(limits.sftpPacketLength),
            maxReadLength: BigInt(longestData(limits)),
            maxWriteLength: BigInt(longestData(limits)),
            maxOpenHandles: BigInt(limits.sftpHandles),
          }),
        );
      case 'expand-path@openssh.com': {
        const { path } = decoded(() => extensions.onePath.fromBytes(payload));
        const expanded = this.path(withoutTilde(path));
        return nameAnswer(await this.paths.beside(() => store.realpath(expanded), caller));
      }
      case 'home-directory': {
        decoded(() => extensions.homeDirectory.fromBytes(payload));
        return nameAnswer(await this.paths.beside(() => store.realpath(here), caller));
      }
      case 'copy-data': {
        const order = decoded(() => extensions.copyData.fromBytes(payload));
        this.checkChanges();
        const step = (): void => {
          if (this.parts.isOver()) throw new SftpRefusal('failure', 'the session has ended');
          if (caller.isGivenUp) throw new SftpRefusal('failure', 'it took too long');
          undertaking.moved();
        };
        // One at a time: each holds two files.
        return this.ok(this.copies.alone(() => copyOnServer(handles, order, step, caller), caller));
      }
      case 'users-groups-by-id@openssh.com': {
        const asked = decoded(() => extensions.usersGroupsById.fromBytes(payload));
        return reply(await ownerNamesAnswer(able(store, 'ownerNames'), asked));
      }
      default:
        return name satisfies never;
    }
  }

  private changePath(name: 'remove' | 'removeFolder', given: Uint8Array, caller: Caller): Promise<Answer> {
    const call = able(this.parts.store, name);
    const path = this.path(given);
    return this.change(() => call(path, caller), caller);
  }

  private change(work: () => Promise<void>, caller: Caller): Promise<Answer> {
    this.checkChanges();
    return this.ok(this.paths.alone(work, caller));
  }

  /** @throws SftpRefusal where nothing may be changed */
  private checkChanges(): void {
    if (this.parts.store.isReadOnly) throw readOnly();
  }

  private async ok(work: Promise<void>): Promise<Answer> {
    await work;
    return statusResponse(statusCodes.ok);
  }

  /** @throws SftpRefusal for a path that no store can have */
  private path(path: Uint8Array): Uint8Array {
    const { sftpNameLength } = this.parts.limits;
    if (path.length > sftpNameLength) {
      throw new SftpRefusal('badMessage', `a path has ${sftpNameLength} bytes at most`);
    }
    if (path.includes(0)) throw new SftpRefusal('badMessage', 'a path has no NUL in it');
    // As POSIX does not, and every server of SFTP does: it is where the session begins.
    return path.length === 0 ? here : path;
  }
}

/** The extensions that a store can do, as they are announced. */
export function extensionsOf(store: StoreSession): extensions.ExtensionName[] {
  const changes = !store.isReadOnly;
  const can: { readonly [N in extensions.ExtensionName]: boolean } = {
    'posix-rename@openssh.com': changes && store.rename !== undefined,
    'statvfs@openssh.com': store.statFilesystem !== undefined,
    'fstatvfs@openssh.com': store.statFilesystem !== undefined && store.syncs,
    'hardlink@openssh.com': changes && store.hardLink !== undefined,
    'fsync@openssh.com': changes && store.syncs,
    'lsetstat@openssh.com': changes && store.setAttributes !== undefined,
    'limits@openssh.com': true,
    'expand-path@openssh.com': true,
    'copy-data': changes && store.open !== undefined,
    'home-directory': true,
    'users-groups-by-id@openssh.com': store.ownerNames !== undefined,
  };
  return (Object.keys(can) as extensions.ExtensionName[]).filter((name) => can[name]);
}

const here = Uint8Array.of(0x2e);
const tilde = 0x7e;
const slash = 0x2f;

/** `~` and what is below it, of the user's own: paths begin at home. */
function withoutTilde(path: Uint8Array): Uint8Array {
  if (path[0] !== tilde) return path;
  const end = path.indexOf(slash);
  if (end < 0 ? path.length > 1 : end > 1) {
    const name = escapeText(utf8Decode(path.subarray(1, end < 0 ? undefined : end)));
    throw new SftpRefusal('noSuchFile', `the home of ${name} is not known`);
  }
  return path.length <= 2 ? here : path.subarray(2);
}

function nameAnswer(filename: Uint8Array): Answer {
  return { kind: 'name', names: [{ filename, longname: filename, attrs: {} }] };
}

const reply = (payload: Uint8Array): Answer => ({ kind: 'extendedReply', payload });

/** A call that a store or a file has, made on it. @throws SftpRefusal */
function able<T extends object, K extends keyof T>(of: T, name: K): Extract<T[K], Call> {
  const call = of[name];
  if (typeof call !== 'function') throw unsupported();
  return call.bind(of) as Extract<T[K], Call>;
}

type Call = (...given: never[]) => unknown;

function unsupported(): SftpRefusal {
  return new SftpRefusal('opUnsupported');
}

function readOnly(): SftpRefusal {
  return new SftpRefusal('permissionDenied', 'nothing can be changed here');
}

/** @throws SftpRefusal for a payload that is malformed */
function decoded<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof SshError) throw new SftpRefusal('badMessage', error.message, { cause: error });
    throw error;
  }
}
