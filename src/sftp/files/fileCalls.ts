/**
 * Calls on contents of files and on folders, as a user makes them.
 *
 * Owns: checks, bounds and results of each of these calls.
 * Must not know: how each is carried out, iterations, streams, transfers.
 */
import { SshError } from '../../base/errors.ts';
import { openFlags } from '../packet/numbers.ts';
import type { CallOptions } from '../seam/channel.ts';
import type { Errand } from '../session/errand.ts';
import { SftpFile } from './content/fileHandle.ts';
import { type OpenFlag, parseFlag } from './content/flags.ts';
import { OpenFile } from './content/openFile.ts';
import { decodeText, type Encoding } from './content/text.ts';
import { checkContent, copyWhole, type FileContent, readToEnd, sizeOf, writeAll } from './content/whole.ts';
import type { DirectoryEntry } from './entry.ts';
import * as nameCalls from './nameCalls.ts';
import * as check from './options.ts';
import { optionsOf } from './options.ts';
import { checked, PathCalls } from './pathCalls.ts';
import { pathText, type RemotePath } from './paths.ts';
import { FolderReader, SftpFolder } from './tree/listing.ts';
import { removeTree } from './tree/removal.ts';

/** Entries that `readdir` collects; a folder with more is for `opendir`. */
const mostEntries = 1_000_000;

/** The rejections are those of `PathCalls`. */
export class FileCalls extends PathCalls {
  // Contents -------------------------------------------------------------------------

  /** All of a file; as text with an encoding. */
  readFile(
    path: RemotePath,
    options: Encoding | (check.ReadFileOptions & { readonly encoding: Encoding }),
  ): Promise<string>;
  readFile(
    path: RemotePath,
    options?: check.ReadFileOptions & { readonly encoding?: undefined },
  ): Promise<Uint8Array>;
  async readFile(path: RemotePath, options?: Encoding | check.ReadFileOptions): Promise<string | Uint8Array> {
    const { encoding, ...bounds } = checked(optionsOf<check.ReadFileOptions>(options), check.checkReadFile);
    const bytes = await this.call('readFile', bounds, (errand) =>
      this.withFile(path, openFlags.read, undefined, errand, (file) => readToEnd(file, 0, errand)),
    );
    return encoding === undefined ? bytes : decodeText(bytes, encoding);
  }

  /** Writes a file anew, or as `flag` says, and resolves once the server has confirmed all of it and the close. */
  async writeFile(
    path: RemotePath,
    content: FileContent,
    options?: Encoding | check.WriteFileOptions,
  ): Promise<void> {
    await this.writeTo(path, content, 'w', typeof options === 'string' ? {} : (options ?? {}));
  }

  /** Writes behind what is in a file, which is made where there is none. */
  async appendFile(
    path: RemotePath,
    content: FileContent,
    options?: Encoding | check.WriteFileOptions,
  ): Promise<void> {
    await this.writeTo(path, content, 'a', typeof options === 'string' ? {} : (options ?? {}));
  }

  /** Opens a file. `mode`: permissions of one that is made. */
  async open(
    path: RemotePath,
    flags: OpenFlag = 'r',
    mode?: number,
    options: CallOptions = {},
  ): Promise<SftpFile> {
    check.checkWriteFile({ ...options, mode });
    const pflags = parseFlag(flags);
    const attrs = mode === undefined ? {} : { permissions: mode };
    const file = await this.call('open', options, (errand) =>
      OpenFile.open(this.session, path, pflags, attrs, errand),
    );
    return new SftpFile(file, (pflags & openFlags.append) !== 0);
  }

  /** Copies a file on the server (copy-data), or through this machine where the server cannot. */
  async copyFile(from: RemotePath, to: RemotePath, options: check.CopyFileOptions = {}): Promise<void> {
    const { exclusive = false, ...bounds } = checked(options, check.checkCopyFile);
    await this.call('copyFile', bounds, (errand) => copyWhole(this.session, from, to, exclusive, errand));
  }

  // Folders --------------------------------------------------------------------------

  /** A folder to iterate over, which never holds all of it. The first use opens it. */
  opendir(path: RemotePath): SftpFolder {
    return new SftpFolder(new FolderReader(this.session, path));
  }

  /**
   * Everything in a folder but `.` and `..`: names, bytes of names, or entries with attributes.
   *
   * @throws SshError `ERR_SSH_LIMIT` for more than a million entries, for which `opendir` is
   */
  readdir(
    path: RemotePath,
    options: check.ReaddirOptions & { readonly withFileTypes: true },
  ): Promise<DirectoryEntry[]>;
  readdir(
    path: RemotePath,
    options: check.ReaddirOptions & { readonly encoding: 'buffer' },
  ): Promise<Uint8Array[]>;
  readdir(path: RemotePath, options?: check.ReaddirOptions): Promise<string[]>;
  async readdir(
    path: RemotePath,
    options: check.ReaddirOptions = {},
  ): Promise<DirectoryEntry[] | Uint8Array[] | string[]> {
    const { withFileTypes = false, encoding, ...bounds } = checked(options, check.checkReaddir);
    const entries = await this.call('readdir', bounds, async (errand) => {
      const found: DirectoryEntry[] = [];
      for await (const entry of new SftpFolder(new FolderReader(this.session, path, errand))) {
        if (found.length === mostEntries) throw this.tooManyEntries(path);
        found.push(entry);
      }
      return found;
    });
    if (withFileTypes) return entries;
    return encoding === 'buffer'
      ? entries.map(({ nameBytes }) => nameBytes)
      : entries.map(({ name }) => name);
  }

  /** Makes a folder. With `recursive` gives the first that had to be made, or undefined. */
  async mkdir(path: RemotePath, options: number | check.MkdirOptions = {}): Promise<string | undefined> {
    const given = typeof options === 'number' ? { mode: options } : options;
    const { recursive = false, mode, ...bounds } = checked<check.MkdirOptions>(given, check.checkMkdir);
    const attrs = mode === undefined ? {} : { permissions: mode };
    const made = await this.call('mkdir', bounds, async (errand) => {
      if (recursive) return nameCalls.makeFolders(this.session, path, attrs, errand);
      await nameCalls.makeFolder(this.session, path, attrs, errand);
      return undefined;
    });
    return made === undefined ? undefined : pathText(made);
  }

  rmdir(path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.simple('rmdir', options, (errand) => nameCalls.removeFolder(this.session, path, errand));
  }

  /** Removes a file; a folder only with `recursive`. */
  async rm(path: RemotePath, options: check.RmOptions = {}): Promise<void> {
    const { recursive = false, force = false, ...bounds } = checked(options, check.checkRm);
    await this.call('rm', bounds, (errand) => removeTree(this.session, path, { recursive, force }, errand));
  }

  private async writeTo(
    path: RemotePath,
    content: FileContent,
    usual: OpenFlag,
    options: check.WriteFileOptions,
  ): Promise<void> {
    const { flag = usual, mode, ...bounds } = checked(options, check.checkWriteFile);
    const pflags = parseFlag(flag);
    checkContent(content);
    await this.call('writeFile', bounds, (errand) =>
      this.withFile(path, pflags, mode, errand, async (file) => {
        const appends = (pflags & openFlags.append) !== 0;
        const start = appends ? (sizeOf((await file.attributes(errand)).size) ?? 0) : 0;
        await writeAll(file, start, content, errand);
      }),
    );
  }

  /** Opens a file for one step. Its close is part of the step where that went well: it may tell of a failed WRITE. */
  private async withFile<T>(
    path: RemotePath,
    pflags: number,
    mode: number | undefined,
    errand: Errand | undefined,
    step: (file: OpenFile) => Promise<T>,
  ): Promise<T> {
    const attrs = mode === undefined ? {} : { permissions: mode };
    const file = await OpenFile.open(this.session, path, pflags, attrs, errand);
    let result: T;
    try {
      result = await step(file);
    } catch (error) {
      file.closeQuietly();
      throw error;
    }
    if ((pflags & openFlags.write) === 0) file.closeQuietly();
    else await file.close();
    return result;
  }

  private tooManyEntries(path: RemotePath): SshError {
    const text = pathText(path);
    return new SshError(
      'ERR_SSH_LIMIT',
      `"${text}" on ${this.session.channel.host} has more than ${mostEntries} entries; use opendir, which holds some of them only`,
      { origin: 'peer', path: text },
    );
  }
}
