/**
 * The two sides of a synchronization.
 *
 * Owns: listing a folder and removing an entry, on this machine and on the server, as one
 * interface.
 * Must not know: what is compared, which side is written.
 */
import { escapeText, latin1Decode } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { sizeOf } from '../../files/content/whole.ts';
import { removeFile, removeFolder } from '../../files/nameCalls.ts';
import { joinPath } from '../../files/paths.ts';
import { isOfType } from '../../files/stats.ts';
import { everyEntry } from '../../files/tree/listing.ts';
import { type FileAttributes, fileTypes } from '../../packet/attributes.ts';
import { isMissing, type LocalPath, type LocalStat } from '../../seam/localFiles.ts';
import { transferError } from '../errors.ts';
import type { Transfer } from '../transfer.ts';
import { remoteSha256 } from '../verify.ts';
import type { SyncEntry } from './plan.ts';

/** Entries of one folder that are compared by name: more are not held. */
const mostEntries = 1_000_000;

/** Names and what they stand for. Names are bytes, as text with one character for each. */
export type Listing = Map<string, SyncEntry>;

/** A place on either side. */
export interface Side {
  /** Entries of a folder; none where it is not there. */
  list(path: readonly Uint8Array[]): Promise<Listing>;
  /** Removes an entry that is no folder, or a folder that is empty. */
  remove(path: readonly Uint8Array[], kind: SyncEntry['kind']): Promise<void>;
  sha256(path: readonly Uint8Array[]): Promise<string>;
}

/** The key of a name. */
export function keyOf(name: Uint8Array): string {
  return latin1Decode(name);
}

/** The name of a key. */
export function nameOf(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}

export class RemoteSide implements Side {
  private readonly transfer: Transfer;
  private readonly root: Uint8Array;

  constructor(transfer: Transfer, root: Uint8Array) {
    this.transfer = transfer;
    this.root = root;
  }

  path(names: readonly Uint8Array[]): Uint8Array {
    return names.reduce(joinPath, this.root);
  }

  async list(names: readonly Uint8Array[]): Promise<Listing> {
    const { session, errand, local } = this.transfer;
    const found: Listing = new Map();
    for await (const entry of everyEntry(session, this.path(names), errand)) {
      const problem = local.nameProblem(entry.nameBytes);
      if (problem === undefined) add(found, entry.nameBytes, remoteEntry(entry.attributes));
      else
        await this.transfer.fail(
          entry.path,
          transferError(unsafe(entry.name, problem), entry.path, { origin: 'peer' }),
        );
    }
    return found;
  }

  remove(names: readonly Uint8Array[], kind: SyncEntry['kind']): Promise<void> {
    const { session, errand } = this.transfer;
    const path = this.path(names);
    return kind === 'folder' ? removeFolder(session, path, errand) : removeFile(session, path, errand);
  }

  sha256(names: readonly Uint8Array[]): Promise<string> {
    return remoteSha256(this.transfer, this.path(names), names.map((name) => keyOf(name)).join('/'));
  }
}

export class LocalSide implements Side {
  private readonly transfer: Transfer;
  private readonly root: LocalPath;

  constructor(transfer: Transfer, root: LocalPath) {
    this.transfer = transfer;
    this.root = root;
  }

  path(names: readonly Uint8Array[]): LocalPath {
    return names.reduce<LocalPath>((folder, name) => this.transfer.local.join(folder, name), this.root);
  }

  async list(names: readonly Uint8Array[]): Promise<Listing> {
    const { local } = this.transfer;
    const folder = this.path(names);
    const found: Listing = new Map();
    try {
      for await (const { name } of local.list(folder)) {
        const stat = await local.lstat(local.join(folder, name));
        if (stat !== undefined) add(found, name, localEntry(stat));
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return found;
  }

  remove(names: readonly Uint8Array[], kind: SyncEntry['kind']): Promise<void> {
    const { local } = this.transfer;
    const path = this.path(names);
    return kind === 'folder' ? local.rmdir(path) : local.unlink(path);
  }

  sha256(names: readonly Uint8Array[]): Promise<string> {
    return this.transfer.local.sha256(this.path(names));
  }
}

function add(listing: Listing, name: Uint8Array, entry: SyncEntry): void {
  if (listing.size === mostEntries) {
    const text = `sync compares folders whole, and one has more than ${mostEntries} entries`;
    throw new SshError('ERR_SSH_LIMIT', text, { origin: 'user' });
  }
  listing.set(keyOf(name), entry);
}

function remoteEntry(attributes: FileAttributes): SyncEntry {
  const { size, mtime, permissions } = attributes;
  const isFolder = isOfType(attributes, fileTypes.folder);
  const isLink = isOfType(attributes, fileTypes.link);
  const isFile = permissions === undefined || isOfType(attributes, fileTypes.file);
  const kind = isFolder ? 'folder' : isLink ? 'link' : isFile ? 'file' : 'other';
  return { kind, size: sizeOf(size), mtime };
}

function localEntry({ kind, size, mtimeMs }: LocalStat): SyncEntry {
  return { kind, size, mtime: Math.floor(mtimeMs / 1000) };
}

function unsafe(name: string, problem: string): string {
  return `the server lists a name that no file here may have, "${escapeText(name)}": ${problem}`;
}
