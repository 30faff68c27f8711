/**
 * The files of this machine as the user of this process may use them.
 *
 * Owns: what each call of SFTP does there: what sftp-server(8) does.
 * Must not know: confinement. Anybody who serves this to a client has let it log in as that user.
 */
import { constants } from 'node:fs';
import type { FileAttributes } from '../../sftp/packet/attributes.ts';
import type { FilesystemStatus } from '../../sftp/packet/extensions.ts';
import {
  type OpenHow,
  SftpRefusal,
  type SftpStore,
  type StoreAttributes,
  type StoreFile,
  type StoreFolder,
  type StoreSession,
} from '../../sftp/serve/store.ts';
import { binaryOf } from './anchors.ts';
import { attributesOf, exact, FolderFile, FolderListing } from './folderFile.ts';
import { filesystemStatusOf, flagsOf, renameWithoutReplacing } from './folderStore.ts';
import { ownerNames } from './owners.ts';
import * as system from './systemCalls.ts';
import { binaryPath, hasCode, systemError } from './systemCalls.ts';

export interface WholeSystemOptions {
  /** Nothing can be changed. */
  readonly readOnly: boolean;
  /** Where relative paths begin: an absolute path. */
  readonly startFolder: string;
}

/** Bits of a mode that a client may set, setuid, setgid and sticky among them. */
const modeBits = 0o7777;
/** As many links as Linux follows on one way. */
const mostLinks = 40;
const { O_NONBLOCK = 0 } = constants;

/** Serves all files of this machine, each with the rights of this process's user. */
export function serveWholeSystem(options: WholeSystemOptions): SftpStore {
  return { begin: async () => new WholeSystem(options) };
}

class WholeSystem implements StoreSession {
  readonly isReadOnly: boolean;
  readonly syncs = true;
  readonly ownerNames: typeof ownerNames = ownerNames;
  private readonly start: string;

  constructor({ readOnly, startFolder }: WholeSystemOptions) {
    this.isReadOnly = readOnly;
    this.start = binaryOf(startFolder);
  }

  async close(): Promise<void> {}

  async realpath(path: Uint8Array): Promise<Uint8Array> {
    return bytesOf(await trueHere(this.path(path), 0));
  }

  async attributes(path: Uint8Array, followsLink: boolean): Promise<StoreAttributes> {
    const at = this.path(path);
    return attributesOf(await (followsLink ? system.stat(at) : system.lstat(at)));
  }

  async setAttributes(path: Uint8Array, attributes: FileAttributes, followsLink: boolean): Promise<void> {
    const at = this.path(path);
    const isLink = !followsLink && (await system.lstat(at)).isSymbolicLink();
    const { size, permissions, atime, mtime, uid, gid } = attributes;
    // A link has no permissions of its own, and its length is that of its text.
    if (isLink && (size !== undefined || permissions !== undefined)) throw systemError('ENOTSUP');
    if (size !== undefined) await system.truncate(at, exact(size));
    if (permissions !== undefined) await system.chmod(at, permissions & modeBits);
    if (atime !== undefined && mtime !== undefined) {
      await (isLink ? system.lutimes : system.utimes)(at, atime, mtime);
    }
    if (uid !== undefined && gid !== undefined) await (isLink ? system.lchown : system.chown)(at, uid, gid);
  }

  /** A pipe or a socket would wait for who is at its other end: it is not opened. */
  async open(path: Uint8Array, how: OpenHow): Promise<StoreFile> {
    const at = this.path(path);
    const fd = await system.open(at, flagsOf(how) | O_NONBLOCK, (how.mode ?? 0o666) & modeBits);
    try {
      const stats = await system.fstat(fd);
      if (stats.isDirectory()) throw systemError('EISDIR');
      if (stats.isFIFO() || stats.isSocket()) throw new SftpRefusal('failure', 'it is a pipe or a socket');
    } catch (error) {
      await system.close(fd);
      throw error;
    }
    return new SystemFile({
      fd,
      appends: how.appends,
      quota: undefined,
      root: '/',
      statFilesystem: () => this.statFilesystem(path),
    });
  }

  async openFolder(path: Uint8Array): Promise<StoreFolder> {
    const at = this.path(path);
    return new FolderListing(await system.opendir(at), at, () => {}, true);
  }

  remove(path: Uint8Array): Promise<void> {
    return system.unlink(this.path(path));
  }

  makeFolder(path: Uint8Array, mode: number = 0o777): Promise<void> {
    return system.mkdir(this.path(path), mode & modeBits);
  }

  removeFolder(path: Uint8Array): Promise<void> {
    return system.rmdir(this.path(path));
  }

  rename(from: Uint8Array, to: Uint8Array, replaces: boolean): Promise<void> {
    return (replaces ? system.rename : renameWithoutReplacing)(this.path(from), this.path(to));
  }

  async readLink(path: Uint8Array): Promise<Uint8Array> {
    return bytesOf(await system.readlink(this.path(path)));
  }

  /** The text of a link is whatever the client says. */
  makeLink(target: Uint8Array, path: Uint8Array): Promise<void> {
    return system.symlink(binary(target), this.path(path));
  }

  hardLink(from: Uint8Array, to: Uint8Array): Promise<void> {
    return system.link(this.path(from), this.path(to));
  }

  async statFilesystem(path: Uint8Array): Promise<FilesystemStatus> {
    return filesystemStatusOf(await system.statfs(this.path(path)), this.isReadOnly);
  }

  private path(path: Uint8Array): string {
    const text = binary(path);
    return text.startsWith('/') ? text : `${this.start === '/' ? '' : this.start}/${text}`;
  }
}

/** A file whose client may do with it what the user of this process may. */
class SystemFile extends FolderFile {
  override async setAttributes(attributes: FileAttributes): Promise<void> {
    const { fd } = this.parts;
    const { size, permissions, atime, mtime, uid, gid } = attributes;
    if (size !== undefined) await this.resize(exact(size));
    if (permissions !== undefined) await system.fchmod(fd, permissions & modeBits);
    if (atime !== undefined && mtime !== undefined) await system.futimes(fd, atime, mtime);
    if (uid !== undefined && gid !== undefined) await system.fchown(fd, uid, gid);
  }
}

/** The true path of a place; its last name may be of nothing yet. @throws the error of the system */
async function trueHere(path: string, links: number): Promise<string> {
  try {
    return await system.realpath(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || links > mostLinks) throw error;
  }
  const end = path.replace(/\/+$/, '');
  const cut = end.lastIndexOf('/');
  const [folder, name] = [end.slice(0, cut + 1), end.slice(cut + 1)];
  if (name === '' || name === '.' || name === '..') throw systemError('ENOENT');
  const target = await system.readlink(end).catch(() => undefined);
  if (target !== undefined)
    return trueHere(target.startsWith('/') ? target : `${folder}${target}`, links + 1);
  const above = await system.realpath(folder);
  return above === '/' ? `/${name}` : `${above}/${name}`;
}

const binary = (path: Uint8Array): string =>
  binaryPath(Buffer.from(path.buffer, path.byteOffset, path.length));
const bytesOf = (path: string): Uint8Array => new Uint8Array(Buffer.from(path, 'latin1'));
