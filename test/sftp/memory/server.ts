/**
 * A server of SFTP in memory, built on the library's own machine for servers.
 *
 * Owns: what each request does to the files; the ways in which it differs from a good one
 * (`Manners`), which a test chooses.
 * Must not know: channels.
 */
import { defaultLimits } from '../../../src/base/limits.ts';
import * as extensions from '../../../src/sftp/packet/extensions.ts';
import { openFlags } from '../../../src/sftp/packet/numbers.ts';
import type { SftpRequest } from '../../../src/sftp/packet/requests.ts';
import type { NameEntry, SftpResponse } from '../../../src/sftp/packet/responses.ts';
import { statusCodes } from '../../../src/sftp/packet/status.ts';
import { type ServerRequest, SftpServerProtocol, statusResponse } from '../../../src/sftp/protocol/server.ts';
import { type FileNode, type FolderNode, MemoryFiles, Refused } from './files.ts';

/** How a server behaves. */
export interface Manners {
  /** Extensions that it has; all where not given. */
  readonly extensions?: readonly extensions.ExtensionName[] | undefined;
  /** Which of the requests that wait is answered next: the oldest where not given. */
  readonly pick?: ((waiting: number) => number) | undefined;
  /** Which of the answers that are ready goes next, where the server tells later and in another order what it has done. */
  readonly late?: ((ready: number) => number) | undefined;
  /** Bytes that a READ of so many is answered with. */
  readonly readLength?: ((asked: number) => number) | undefined;
  /** Entries in one answer to READDIR. 100 */
  readonly batch?: number | undefined;
  /** Handles open at once, of files and folders; beyond them OPEN and OPENDIR fail. */
  readonly handles?: number | undefined;
  /** Answers a request in its own way; undefined for the usual one, `silence` for none. */
  readonly answer?:
    | ((request: SftpRequest, server: MemoryServer) => SftpResponse | 'silence' | undefined)
    | undefined;
  readonly symlinkOrder?: 'target' | 'link' | undefined;
}

export interface OpenHandle {
  readonly node: FileNode | FolderNode;
  readonly append: boolean;
  entries: NameEntry[] | undefined;
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'latin1'));

/** Answers that a server which tells late keeps back. */
const mostReady = 4;

export class MemoryServer {
  readonly files: MemoryFiles;
  readonly core: SftpServerProtocol;
  readonly manners: Manners;
  /** Every request that came, by kind. */
  readonly seen: SftpRequest[] = [];
  readonly handles: Map<string, OpenHandle> = new Map();
  /** The most handles that were open at once. */
  mostHandles = 0;
  private readonly waiting: ServerRequest[] = [];
  private readonly ready: { readonly request: ServerRequest; readonly answer: SftpResponse }[] = [];
  private nextHandle = 0;

  constructor(files: MemoryFiles = new MemoryFiles(), manners: Manners = {}) {
    this.files = files;
    this.manners = manners;
    const names =
      manners.extensions ?? (Object.keys(extensions.extensionVersions) as extensions.ExtensionName[]);
    this.core = new SftpServerProtocol({
      limits: defaultLimits,
      extensions: names.map((name) => ({ name, data: bytes(extensions.extensionVersions[name]) })),
    });
  }

  receive(chunk: Uint8Array): void {
    this.core.receive(chunk);
    this.take();
  }

  /** Answers one of the requests that wait. Whether there was one. */
  step(): boolean {
    this.take();
    const { late } = this.manners;
    const hasWorked = this.doOne();
    const mayWait = late !== undefined && hasWorked && this.ready.length < mostReady;
    if (this.ready.length === 0 || mayWait) return hasWorked;
    const [next] = this.ready.splice(late?.(this.ready.length) ?? 0, 1);
    if (next !== undefined) this.core.answer(next.request, next.answer);
    return true;
  }

  private doOne(): boolean {
    if (this.waiting.length === 0) return false;
    const index = this.manners.pick?.(this.waiting.length) ?? 0;
    const [request] = this.waiting.splice(index, 1);
    if (request === undefined) return false;
    const answer = this.respond(request.body);
    if (answer !== 'silence') this.ready.push({ request, answer });
    return true;
  }

  count(kind: SftpRequest['kind']): number {
    return this.seen.filter((request) => request.kind === kind).length;
  }

  private take(): void {
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent()) {
      if (event.type !== 'request') continue;
      this.seen.push(event.request.body);
      this.waiting.push(event.request);
    }
  }

  private respond(request: SftpRequest): SftpResponse | 'silence' {
    const own = this.manners.answer?.(request, this);
    if (own !== undefined) return own;
    return this.usual(request);
  }

  /** What a good server answers. */
  usual(request: SftpRequest): SftpResponse {
    try {
      return this.serve(request) ?? statusResponse(statusCodes.ok);
    } catch (error) {
      if (error instanceof Refused) return statusResponse(error.status, error.message);
      throw error;
    }
  }

  private serve(request: SftpRequest): SftpResponse | undefined {
    const { files } = this;
    switch (request.kind) {
      case 'open':
        return this.open(request);
      case 'close':
        if (!this.handles.delete(text(request.handle)))
          throw new Refused(statusCodes.failure, 'no such handle');
        return undefined;
      case 'read':
        return this.read(request);
      case 'write': {
        const { node, append } = this.handle(request.handle);
        if (node.type !== 'file') throw new Refused(statusCodes.failure);
        files.write(node, append ? node.data.length : Number(request.offset), request.data);
        return undefined;
      }
      case 'stat':
      case 'lstat': {
        const node = files.find(text(request.path), request.kind === 'stat');
        return { kind: 'attrs', attrs: files.attributes(node) };
      }
      case 'fstat':
        return { kind: 'attrs', attrs: files.attributes(this.handle(request.handle).node) };
      case 'setstat':
        files.setAttributes(files.find(text(request.path), true), request.attrs);
        return undefined;
      case 'fsetstat':
        files.setAttributes(this.handle(request.handle).node, request.attrs);
        return undefined;
      case 'opendir': {
        const node = files.find(text(request.path), true);
        if (node.type !== 'folder') throw new Refused(statusCodes.failure, 'no folder');
        this.checkHandles();
        return this.newHandle(node, false);
      }
      case 'readdir':
        return this.readdir(this.handle(request.handle));
      case 'remove':
        files.remove(text(request.filename));
        return undefined;
      case 'mkdir':
        files.mkdir(text(request.path), request.attrs.permissions ?? 0o777);
        return undefined;
      case 'rmdir':
        files.rmdir(text(request.path));
        return undefined;
      case 'realpath':
        return nameOf(files.realpath(text(request.path)));
      case 'rename':
        files.rename(text(request.oldpath), text(request.newpath), false);
        return undefined;
      case 'readlink':
        return nameOf(files.readlink(text(request.path)));
      case 'symlink': {
        const isTargetFirst = (this.manners.symlinkOrder ?? 'target') === 'target';
        const [target, path] = isTargetFirst
          ? [request.first, request.second]
          : [request.second, request.first];
        files.symlink(text(target), text(path));
        return undefined;
      }
      case 'extended':
        return this.extended(request.extendedRequest, request.payload);
      default:
        return request satisfies never;
    }
  }

  private open(request: SftpRequest & { kind: 'open' }): SftpResponse {
    this.checkHandles();
    const has = (flag: number): boolean => (request.pflags & flag) !== 0;
    const node = this.files.openFile(
      text(request.filename),
      {
        create: has(openFlags.create),
        exclusive: has(openFlags.exclusive),
        truncate: has(openFlags.truncate),
      },
      request.attrs.permissions ?? 0o666,
    );
    return this.newHandle(node, has(openFlags.append));
  }

  private checkHandles(): void {
    if (this.handles.size < (this.manners.handles ?? Number.POSITIVE_INFINITY)) return;
    throw new Refused(statusCodes.failure, 'too many open files');
  }

  private read({ handle, offset, length }: SftpRequest & { kind: 'read' }): SftpResponse {
    const { node } = this.handle(handle);
    if (node.type !== 'file') throw new Refused(statusCodes.failure, 'it is a folder');
    const start = Number(offset);
    if (start >= node.data.length) throw new Refused(statusCodes.eof);
    const most = this.manners.readLength?.(length) ?? length;
    return {
      kind: 'data',
      data: new Uint8Array(node.data.subarray(start, start + Math.max(1, Math.min(most, length)))),
    };
  }

  private readdir(handle: OpenHandle): SftpResponse {
    if (handle.node.type !== 'folder') throw new Refused(statusCodes.failure);
    handle.entries ??= [
      ...['.', '..'].map((name) => this.entryOf(name, handle.node)),
      ...[...handle.node.entries].map(([name, node]) => this.entryOf(name, node)),
    ];
    const names = handle.entries.splice(0, this.manners.batch ?? 100);
    if (names.length === 0) throw new Refused(statusCodes.eof);
    return { kind: 'name', names };
  }

  private entryOf(name: string, node: Parameters<MemoryFiles['attributes']>[0]): NameEntry {
    return { filename: bytes(name), longname: bytes(`-rw- ${name}`), attrs: this.files.attributes(node) };
  }

  private extended(name: string, payload: Uint8Array): SftpResponse | undefined {
    const { files } = this;
    const known = this.manners.extensions ?? Object.keys(extensions.extensionVersions);
    if (!extensions.isExtensionName(name) || !known.includes(name))
      throw new Refused(statusCodes.opUnsupported);
    switch (name) {
      case 'posix-rename@openssh.com': {
        const { oldpath, newpath } = extensions.twoPaths.fromBytes(payload);
        files.rename(text(oldpath), text(newpath), true);
        return undefined;
      }
      case 'hardlink@openssh.com': {
        const { oldpath, newpath } = extensions.twoPaths.fromBytes(payload);
        files.hardLink(text(oldpath), text(newpath));
        return undefined;
      }
      case 'fsync@openssh.com':
        this.handle(extensions.oneHandle.fromBytes(payload).handle);
        return undefined;
      case 'lsetstat@openssh.com': {
        const { path, attrs } = extensions.lsetstat.fromBytes(payload);
        files.setAttributes(files.find(text(path), false), attrs);
        return undefined;
      }
      case 'limits@openssh.com': {
        const limits = {
          maxPacketLength: 262_144n,
          maxReadLength: 65_536n,
          maxWriteLength: 65_536n,
          maxOpenHandles: 0n,
        };
        return { kind: 'extendedReply', payload: extensions.serverLimits.toBytes(limits) };
      }
      case 'expand-path@openssh.com': {
        const path = text(extensions.onePath.fromBytes(payload).path);
        return nameOf(files.realpath(path.replace(/^~/, '/home')));
      }
      case 'home-directory':
        return nameOf('/home');
      case 'copy-data':
        return this.copyData(payload);
      case 'statvfs@openssh.com':
      case 'fstatvfs@openssh.com':
        return {
          kind: 'extendedReply',
          payload: extensions.filesystemStatus.toBytes({
            bsize: 8192n,
            frsize: 4096n,
            blocks: 100n,
            bfree: 50n,
            bavail: 40n,
            files: 10n,
            ffree: 9n,
            favail: 8n,
            fsid: 7n,
            flag: 1n,
            namemax: 255n,
          }),
        };
      case 'users-groups-by-id@openssh.com': {
        const { uids, gids } = extensions.usersGroupsById.fromBytes(payload);
        const names = (count: number, word: string): Uint8Array =>
          new Uint8Array(
            Buffer.concat(
              Array.from({ length: count / 4 }, (_, i) =>
                Buffer.from(`\0\0\0${String.fromCharCode(word.length + 1)}${word}${i}`, 'latin1'),
              ),
            ),
          );
        const answer = { usernames: names(uids.length, 'user'), groupnames: names(gids.length, 'group') };
        return { kind: 'extendedReply', payload: extensions.usersGroupsNames.toBytes(answer) };
      }
      default:
        return name satisfies never;
    }
  }

  private copyData(payload: Uint8Array): undefined {
    const { readFromHandle, readFromOffset, readDataLength, writeToHandle, writeToOffset } =
      extensions.copyData.fromBytes(payload);
    const from = this.handle(readFromHandle).node;
    const to = this.handle(writeToHandle).node;
    if (from.type !== 'file' || to.type !== 'file' || from === to) throw new Refused(statusCodes.failure);
    const start = Number(readFromOffset);
    const end = readDataLength === 0n ? from.data.length : start + Number(readDataLength);
    this.files.write(to, Number(writeToOffset), from.data.subarray(start, end));
    return undefined;
  }

  newHandle(node: FileNode | FolderNode, append: boolean): SftpResponse {
    const name = `h${this.nextHandle++}`;
    this.handles.set(name, { node, append, entries: undefined });
    this.mostHandles = Math.max(this.mostHandles, this.handles.size);
    return { kind: 'handle', handle: bytes(name) };
  }

  private handle(name: Uint8Array): OpenHandle {
    const handle = this.handles.get(text(name));
    if (handle === undefined) throw new Refused(statusCodes.failure, 'no such handle');
    return handle;
  }
}

function nameOf(path: string): SftpResponse {
  return { kind: 'name', names: [{ filename: bytes(path), longname: bytes(path), attrs: {} }] };
}
