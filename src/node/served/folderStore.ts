/**
 * A folder of this machine as a store.
 *
 * Owns: what each call of SFTP does in the folder; that nothing is changed where nothing may
 * be; what a quota counts.
 * Must not know: how the way to a place is found.
 */
import { type BigIntStatsFs, constants } from 'node:fs';
import type { FileAttributes } from '../../sftp/packet/attributes.ts';
import type { FilesystemStatus } from '../../sftp/packet/extensions.ts';
import {
  type OpenHow,
  SftpRefusal,
  type StoreAttributes,
  type StoreCaller,
  type StoreFile,
  type StoreFolder,
  type StoreSession,
} from '../../sftp/serve/store.ts';
import type { Anchorage, Pin } from './anchors.ts';
import { type ConfinedTree, type Place, relativeTarget, staysBelow } from './confinedTree.ts';
import { attributesOf, exact, FolderFile, FolderListing, refuseOwner } from './folderFile.ts';
import { ownerNames } from './owners.ts';
import { bytesFreed, type Quota, type QuotaChange } from './quota.ts';
import * as system from './systemCalls.ts';
import { binaryPath, hasCode, systemError } from './systemCalls.ts';

export interface FolderStoreParts {
  readonly tree: ConfinedTree;
  readonly anchorage: Anchorage;
  /** Its true path, for the quota. */
  readonly root: string;
  readonly isReadOnly: boolean;
  readonly quota: Quota | undefined;
  /** A name that this platform does not take, in words. */
  readonly nameProblem: (name: Uint8Array) => string | undefined;
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
// Windows has neither.
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

export class FolderStore implements StoreSession {
  readonly isReadOnly: boolean;
  readonly syncs = true;
  readonly ownerNames: typeof ownerNames = ownerNames;
  private readonly parts: FolderStoreParts;
  private readonly tree: ConfinedTree;

  constructor(parts: FolderStoreParts) {
    this.parts = parts;
    this.tree = parts.tree;
    this.isReadOnly = parts.isReadOnly;
  }

  async close(): Promise<void> {
    this.tree.close();
  }

  /** A path whose last name is of nothing is one where something can be made. */
  realpath(path: Uint8Array): Promise<Uint8Array> {
    return this.tree.behindLinks(this.text(path), async (place) => {
      const { path: found, name, at } = place;
      if (name !== '.') {
        await system.lstat(at).catch((error: unknown) => {
          if (!hasCode(error, 'ENOENT')) throw error;
        });
      }
      return bytesOf(found);
    });
  }

  attributes(path: Uint8Array, followsLink: boolean): Promise<StoreAttributes> {
    return this.place(path, followsLink, async ({ at }) => attributesOf(await system.lstat(at)));
  }

  async setAttributes(
    path: Uint8Array,
    attributes: FileAttributes,
    followsLink: boolean,
    caller?: StoreCaller,
  ): Promise<void> {
    await this.place(path, followsLink, async (place) => {
      const there = await system.lstat(place.at);
      refuseOwner(attributes, there);
      if (there.isSymbolicLink()) return this.setLinkTimes(place, attributes);
      const { size, permissions, atime, mtime } = attributes;
      if (size !== undefined && !there.isFile()) throw systemError(there.isDirectory() ? 'EISDIR' : 'EINVAL');
      const pin = await this.parts.anchorage.pin(place.folder, place.name);
      try {
        if (size !== undefined) await this.resize(pin, exact(size), caller);
        if (permissions !== undefined) await pin.chmod(permissions & 0o777);
        if (atime !== undefined && mtime !== undefined) await pin.utimes(atime, mtime);
      } finally {
        pin.release();
      }
    });
  }

  open(path: Uint8Array, how: OpenHow, caller?: StoreCaller): Promise<StoreFile> {
    // A link is no place for a new file that must not be there.
    const followsLink = !(how.creates && how.exclusive);
    return this.place(path, followsLink, async (place) => {
      const { quota, root } = this.parts;
      if (quota === undefined || !(how.truncates || how.creates)) return this.openAt(place, how);
      const opening = async (change: QuotaChange): Promise<StoreFile> => {
        // Who only reads empties nothing.
        const before = how.truncates && how.writes ? await lengthAt(place.at) : 0;
        change.check();
        const file = await this.openAt(place, how);
        change.shrink(before);
        return file;
      };
      return quota.change(root, opening, caller);
    });
  }

  openFolder(path: Uint8Array): Promise<StoreFolder> {
    const { anchorage } = this.parts;
    return this.tree.behindLinks(this.text(path), async ({ folder, name }) => {
      const held = await anchorage.enter(folder, name);
      if (held === undefined) throw systemError('ELOOP');
      try {
        const listed = await system.opendir(`${held.base}/.`);
        const listing = new FolderListing(listed, held.base, () => held.release());
        await anchorage.checkFolder(held).catch(async (error: unknown) => {
          await listing.close();
          throw error;
        });
        return listing;
      } catch (error) {
        held.release();
        throw error;
      }
    });
  }

  remove(path: Uint8Array, caller?: StoreCaller): Promise<void> {
    return this.place(path, false, ({ at }) => {
      const unlinking = async (): Promise<void> => {
        await system.unlink(at).catch((error: unknown) => {
          // Linux says EISDIR, POSIX EPERM.
          throw hasCode(error, 'EISDIR') ? systemError('EISDIR') : error;
        });
      };
      return this.freeing({ at }, unlinking, caller);
    });
  }

  async makeFolder(path: Uint8Array, mode: number = 0o777): Promise<void> {
    await this.place(path, false, ({ at }) => system.mkdir(at, mode & 0o777));
  }

  removeFolder(path: Uint8Array): Promise<void> {
    return this.place(path, false, ({ at, name }) => {
      if (name === '.') throw systemError('EBUSY');
      return system.rmdir(at);
    });
  }

  rename(from: Uint8Array, to: Uint8Array, replaces: boolean, caller?: StoreCaller): Promise<void> {
    return this.place(from, false, (source) =>
      this.place(to, false, (target) => {
        if (source.name === '.' || target.name === '.') throw systemError('EBUSY');
        const renaming = (): Promise<void> => system.rename(source.at, target.at);
        return replaces
          ? this.freeing({ at: target.at, source: source.at }, renaming, caller)
          : renameWithoutReplacing(source.at, target.at);
      }),
    );
  }

  readLink(path: Uint8Array): Promise<Uint8Array> {
    return this.place(path, false, async ({ at }) => bytesOf(await system.readlink(at)));
  }

  /** No link is made whose text leads out of the folder: other programs of this machine would follow it. */
  async makeLink(target: Uint8Array, path: Uint8Array): Promise<void> {
    const text = binary(target);
    await this.place(path, false, async ({ at, path: found }) => {
      if (this.tree.isWhole) return system.symlink(text, at);
      if (text.startsWith('/')) return system.symlink(relativeTarget(found, text), at);
      if (!staysBelow(found, text)) {
        throw new SftpRefusal('permissionDenied', 'the link would lead out of the folder');
      }
      return system.symlink(text, at);
    });
  }

  hardLink(from: Uint8Array, to: Uint8Array): Promise<void> {
    return this.place(from, false, (source) =>
      this.place(to, false, (target) => system.link(source.at, target.at)),
    );
  }

  async statFilesystem(path: Uint8Array): Promise<FilesystemStatus> {
    const found = await this.place(path, true, ({ at }) => system.statfs(at));
    const { quota } = this.parts;
    const status = filesystemStatusOf(found, this.isReadOnly);
    if (quota === undefined) return status;
    const { bsize, blocks, bfree, bavail } = status;
    const all = BigInt(Math.floor(quota.limit)) / bsize;
    const free = BigInt(Math.max(0, Math.floor(quota.limit - quota.used))) / bsize;
    const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
    return { ...status, blocks: least(blocks, all), bfree: least(bfree, free), bavail: least(bavail, free) };
  }

  private async openAt(place: Place, how: OpenHow): Promise<StoreFile> {
    const { quota, root, anchorage } = this.parts;
    const { at, folder, name, path } = place;
    if (name === '.') throw systemError('EISDIR');
    const mode = (how.mode ?? 0o666) & 0o777;
    // A FIFO would wait for who is at its other end.
    const fd = await system.open(at, flagsOf(how) | O_NOFOLLOW | O_NONBLOCK, mode);
    try {
      await anchorage.checkOpened(fd, folder, name);
      const stats = await system.fstat(fd);
      if (stats.isDirectory()) throw systemError('EISDIR');
      if (!stats.isFile()) throw new SftpRefusal('failure', 'it is not a regular file');
    } catch (error) {
      await system.close(fd);
      throw error;
    }
    return new FolderFile({
      fd,
      appends: how.appends,
      quota,
      root,
      statFilesystem: () => this.statFilesystem(bytesOf(path)),
    });
  }

  private async setLinkTimes(
    place: Place,
    { size, permissions, atime, mtime }: FileAttributes,
  ): Promise<void> {
    if (size !== undefined || permissions !== undefined) throw systemError('ENOTSUP');
    if (atime !== undefined && mtime !== undefined) await system.lutimes(place.at, atime, mtime);
  }

  private async resize(pin: Pin, length: number, caller: StoreCaller | undefined): Promise<void> {
    const { quota, root } = this.parts;
    if (quota === undefined) return pin.truncate(length);
    const work = async (change: QuotaChange): Promise<void> => {
      // Looked at in its turn: the change before this one may have been of the same file.
      const more = length - (await pin.size());
      const grown = Math.max(0, more);
      change.grow(grown, length);
      try {
        await pin.truncate(length);
      } catch (error) {
        change.shrink(grown);
        throw error;
      }
      change.shrink(grown - more);
    };
    await quota.change(root, work, caller);
  }

  /** Does a step after which a name is no more what it was; a file that keeps another name frees nothing. */
  private async freeing(
    { at, source }: { readonly at: string; readonly source?: string },
    step: () => Promise<void>,
    caller: StoreCaller | undefined,
  ): Promise<void> {
    const { quota, root } = this.parts;
    if (quota === undefined) return step();
    const work = async (change: QuotaChange): Promise<void> => {
      const there = await system.lstat(at).catch(() => undefined);
      const own = source === undefined ? undefined : await system.lstat(source);
      change.check();
      await step();
      // Two names of one file: nothing happens to it.
      const isSame = own !== undefined && own.ino === there?.ino && own.dev === there.dev;
      if (there !== undefined && !isSame) change.shrink(bytesFreed(there));
    };
    await quota.change(root, work, caller);
  }

  private place<T>(path: Uint8Array, followsLink: boolean, step: (place: Place) => Promise<T>): Promise<T> {
    const text = this.text(path);
    return followsLink ? this.tree.behindLinks(text, step) : this.tree.at(text, step);
  }

  /** @throws SftpRefusal for a name that this platform does not take, or takes for something else */
  private text(path: Uint8Array): string {
    const text = binary(path);
    for (const name of text.split('/')) {
      if (name === '' || name === '.' || name === '..') continue;
      const problem = this.parts.nameProblem(bytesOf(name));
      if (problem !== undefined) throw new SftpRefusal('badMessage', `a name is not allowed: ${problem}`);
    }
    return text;
  }
}

export function filesystemStatusOf(found: BigIntStatsFs, isReadOnly: boolean): FilesystemStatus {
  const { bsize, blocks, bfree, bavail, files, ffree } = found;
  return {
    bsize,
    frsize: bsize,
    blocks,
    bfree,
    bavail,
    files,
    ffree,
    favail: ffree,
    fsid: 0n,
    flag: isReadOnly ? 1n : 0n,
    namemax: 255n,
  };
}

export function flagsOf({ reads, writes, appends, creates, truncates, exclusive }: OpenHow): number {
  const access = writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
  return (
    access |
    (appends ? O_APPEND : 0) |
    (creates ? O_CREAT : 0) |
    (creates && exclusive ? O_EXCL : 0) |
    (truncates && writes ? O_TRUNC : 0)
  );
}

async function lengthAt(path: string): Promise<number> {
  try {
    const stats = await system.lstat(path);
    return stats.isFile() ? stats.size : 0;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

/** A second name that is made, and then the first one removed: a file in the way is never replaced, not even by chance. */
export async function renameWithoutReplacing(from: string, to: string): Promise<void> {
  const stats = await system.lstat(from);
  if (stats.isFile()) {
    try {
      await system.link(from, to);
      return await system.unlink(from);
    } catch (error) {
      // File systems without second names.
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error;
    }
  }
  const there = await system.lstat(to).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (there !== undefined) throw systemError('EEXIST');
  await system.rename(from, to);
}

const binary = (path: Uint8Array): string =>
  binaryPath(Buffer.from(path.buffer, path.byteOffset, path.length));
const bytesOf = (path: string): Uint8Array => new Uint8Array(Buffer.from(path, 'latin1'));
