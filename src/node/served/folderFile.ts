/**
 * Open files and folders of a served folder.
 *
 * Owns: reads and writes of a descriptor, the entries of a folder with their attributes.
 * Must not know: paths of clients.
 */
import type * as fs from 'node:fs';
import type { FileAttributes } from '../../sftp/packet/attributes.ts';
import type { FilesystemStatus } from '../../sftp/packet/extensions.ts';
import {
  SftpRefusal,
  type StoreAttributes,
  type StoreCaller,
  type StoreEntry,
  type StoreFile,
  type StoreFolder,
} from '../../sftp/serve/store.ts';
import { nameOfEntry } from '../folderEntries.ts';
import type { Quota, QuotaChange } from './quota.ts';
import * as system from './systemCalls.ts';
import { binaryPath, hasCode } from './systemCalls.ts';

export interface OpenFolderFile {
  readonly fd: number;
  readonly appends: boolean;
  readonly quota: Quota | undefined;
  /** The folder that the quota counts. */
  readonly root: string;
  /** Of the file system that it lies on. */
  readonly statFilesystem: () => Promise<FilesystemStatus>;
}

export class FolderFile implements StoreFile {
  protected readonly parts: OpenFolderFile;

  constructor(parts: OpenFolderFile) {
    this.parts = parts;
  }

  async read(into: Uint8Array, position: bigint): Promise<number> {
    const { fd } = this.parts;
    const start = exact(position);
    let filled = 0;
    while (filled < into.length) {
      const count = await system.read(fd, into, filled, start + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  async write(data: Uint8Array, position: bigint, caller?: StoreCaller): Promise<void> {
    const start = exact(position);
    const end = (size: number): number => (this.parts.appends ? size : start) + data.length;
    await this.resizing(
      (size) => Math.max(size, end(size)),
      () => this.writeAll(data, start),
      caller,
    );
  }

  async attributes(): Promise<StoreAttributes> {
    return attributesOf(await system.fstat(this.parts.fd));
  }

  async setAttributes(attributes: FileAttributes, caller?: StoreCaller): Promise<void> {
    const { fd } = this.parts;
    const { size, permissions, atime, mtime } = attributes;
    if (size !== undefined) await this.resize(exact(size), caller);
    refuseOwner(attributes, await system.fstat(fd));
    if (permissions !== undefined) await system.fchmod(fd, permissions & 0o777);
    if (atime !== undefined && mtime !== undefined) await system.futimes(fd, atime, mtime);
  }

  sync(): Promise<void> {
    return system.fsync(this.parts.fd);
  }

  statFilesystem(): Promise<FilesystemStatus> {
    return this.parts.statFilesystem();
  }

  close(): Promise<void> {
    return system.close(this.parts.fd);
  }

  protected async resize(length: number, caller?: StoreCaller): Promise<void> {
    await this.resizing(
      () => length,
      () => system.ftruncate(this.parts.fd, length),
      caller,
    );
  }

  private async writeAll(data: Uint8Array, start: number): Promise<void> {
    const { fd, appends } = this.parts;
    for (let sent = 0; sent < data.length; ) {
      sent += await system.write(fd, data, sent, appends ? null : start + sent);
    }
  }

  /** @param lengthAfter of the file, once the step is done, by its length before */
  private async resizing(
    lengthAfter: (before: number) => number,
    step: () => Promise<void>,
    caller: StoreCaller | undefined,
  ): Promise<void> {
    const { quota, root, fd } = this.parts;
    if (quota === undefined) return step();
    const size = async (): Promise<number> => (await system.fstat(fd)).size;
    const work = async (change: QuotaChange): Promise<void> => {
      const before = await size();
      const after = lengthAfter(before);
      change.grow(Math.max(0, after - before), after);
      try {
        await step();
        change.shrink(Math.max(0, before - after));
      } catch (error) {
        // A part of it may have been written.
        change.shrink(Math.max(before, after) - (await size().catch(() => before)));
        throw error;
      }
    };
    await quota.change(root, work, caller);
  }
}

/** Entries whose attributes are asked for at once. */
const entriesInARow = 128;

export class FolderListing implements StoreFolder {
  private readonly folder: fs.Dir;
  private readonly base: string;
  private readonly release: () => void;
  private readonly showsParent: boolean;
  private isBegun = false;

  /**
   * @param base the folder, for calls on what is in it, until `release`
   * @param showsParent `..` is listed with its own attributes, and else with those of the folder
   */
  constructor(folder: fs.Dir, base: string, release: () => void, showsParent: boolean = false) {
    this.folder = folder;
    this.base = base;
    this.release = release;
    this.showsParent = showsParent;
  }

  async next(): Promise<readonly StoreEntry[]> {
    if (!this.isBegun) {
      this.isBegun = true;
      const own = attributesOf(await system.stat(`${this.base}/.`));
      // Of a root that is shared the folder above is none of the client's business.
      const above = this.showsParent ? attributesOf(await system.stat(`${this.base}/..`)) : own;
      return [
        { name: new Uint8Array(Buffer.from('.')), attributes: own },
        { name: new Uint8Array(Buffer.from('..')), attributes: above },
      ];
    }
    for (;;) {
      const names: Buffer[] = [];
      while (names.length < entriesInARow) {
        const entry = await this.folder.read();
        if (entry === null) break;
        names.push(nameOfEntry(entry));
      }
      if (names.length === 0) return [];
      const entries = await Promise.all(names.map((name) => this.entry(name)));
      const found = entries.filter((entry) => entry !== undefined);
      if (found.length > 0) return found;
    }
  }

  async close(): Promise<void> {
    this.release();
    await this.folder.close();
  }

  /** Undefined for one that is gone by now. */
  private async entry(name: Buffer): Promise<StoreEntry | undefined> {
    try {
      const attributes = attributesOf(await system.lstat(`${this.base}/${binaryPath(name)}`));
      return { name: new Uint8Array(name), attributes };
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}

export function attributesOf(stats: fs.Stats): StoreAttributes {
  return {
    size: BigInt(stats.size),
    uid: stats.uid,
    gid: stats.gid,
    permissions: stats.mode,
    atime: secondsOf(stats.atimeMs),
    mtime: secondsOf(stats.mtimeMs),
    links: stats.nlink,
  };
}

/** SFTP has seconds from 1970 to 2106. */
function secondsOf(milliseconds: number): number {
  return Math.min(Math.max(Math.floor(milliseconds / 1000), 0), 0xffff_ffff);
}

/**
 * A server may well run as a user who can give files away; its clients may not.
 *
 * @throws SftpRefusal for another owner than the file has
 */
export function refuseOwner({ uid, gid }: FileAttributes, there: fs.Stats): void {
  if (uid === undefined || gid === undefined) return;
  if (uid !== there.uid || gid !== there.gid) {
    throw new SftpRefusal('permissionDenied', 'files stay with their owner here');
  }
}

/** @throws SftpRefusal for a place that no file has */
export function exact(position: bigint): number {
  if (position <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(position);
  throw new SftpRefusal('failure', 'no file is as long');
}
