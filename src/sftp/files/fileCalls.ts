/**
 * Calls on contents of files and on folders, as a user makes them.
 *
 * Owns: checks, bounds and results of each of these calls.
 * Must not know: how each is carried out, iterations, streams, transfers.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { CallSite } from '../../endpoint/calls/callSite.ts';
import { openFlags } from '../packet/numbers.ts';
import type { CallOptions } from '../seam/channel.ts';
import type { Errand } from '../session/errand.ts';
import { SftpFile } from './content/fileHandle.ts';
import { type OpenFlag, parseFlag } from './content/flags.ts';
import { OpenFile } from './content/openFile.ts';
import { checkContent, type FileContent } from './content/pieces.ts';
import { decodeText, type Encoding } from './content/text.ts';
import { copyWhole, readToEnd, sizeOf, writeAll } from './content/whole.ts';
import type { DirectoryEntry } from './entry.ts';
import * as nameCalls from './nameCalls.ts';
import * as check from './options.ts';
import { optionsOf } from './options.ts';
import { PathCalls } from './pathCalls.ts';
import { pathBytes, pathText, type RemotePath } from './paths.ts';
import { possibleEntries, SftpFolder } from './tree/listing.ts';
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
  readFile(path: RemotePath, given?: Encoding | check.ReadFileOptions): Promise<string | Uint8Array> {
    const options = optionsOf<check.ReadFileOptions>(given);
    return this.call('readFile', options, check.checkReadFile, async (errand) => {
      const bytes = await this.withFile(path, openFlags.read, undefined, errand, (file) =>
        readToEnd(file, 0, errand),
      );
      return options.encoding === undefined ? bytes : decodeText(bytes, options.encoding);
    });
  }

  /** Writes a file anew, or as `flag` says, and resolves once the server has confirmed all of it and the close. Text goes as UTF-8. */
  writeFile(path: RemotePath, content: FileContent, options: check.WriteFileOptions = {}): Promise<void> {
    return this.writeTo('writeFile', path, content, 'w', options);
  }

  /** Writes behind what is in a file, which is made where there is none. */
  appendFile(path: RemotePath, content: FileContent, options: check.WriteFileOptions = {}): Promise<void> {
    return this.writeTo('appendFile', path, content, 'a', options);
  }

  /** Opens a file. `mode`: permissions of one that is made. */
  open(path: RemotePath, flags: OpenFlag = 'r', mode?: number, options: CallOptions = {}): Promise<SftpFile> {
    return this.simple('open', options, async (errand) => {
      check.checkMode(mode);
      const pflags = parseFlag(flags);
      const attrs = mode === undefined ? {} : { permissions: mode };
      const file = await OpenFile.openForCaller(this.session, path, pflags, attrs, errand);
      return new SftpFile(file, (pflags & openFlags.append) !== 0);
    });
  }

  /** Copies a file on the server (copy-data), or through this machine where the server cannot. */
  copyFile(from: RemotePath, to: RemotePath, options: check.CopyFileOptions = {}): Promise<void> {
    return this.call('copyFile', options, check.checkCopyFile, (errand) =>
      copyWhole(this.session, from, to, options.exclusive ?? false, errand),
    );
  }

  // Folders --------------------------------------------------------------------------

  /** A folder to iterate over, which never holds all of it. The first use opens it. */
  opendir(path: RemotePath): SftpFolder {
    return SftpFolder.at(this.session, path, new CallSite(FileCalls.prototype.opendir).asText());
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
  readdir(
    path: RemotePath,
    options: check.ReaddirOptions = {},
  ): Promise<DirectoryEntry[] | Uint8Array[] | string[]> {
    return this.call('readdir', options, check.checkReaddir, async (errand) => {
      const entries = possibleEntries(this.session, pathBytes(path), errand);
      const all = <T>(of: (entry: DirectoryEntry) => T): Promise<T[]> => this.collect(path, entries, of);
      if (options.withFileTypes === true) return all((entry) => entry);
      return options.encoding === 'buffer' ? all(({ nameBytes }) => nameBytes) : all(({ name }) => name);
    });
  }

  /** Makes a folder. With `recursive` gives the first that had to be made, or undefined. */
  mkdir(path: RemotePath, given: number | check.MkdirOptions = {}): Promise<string | undefined> {
    const options: check.MkdirOptions = typeof given === 'number' ? { mode: given } : given;
    return this.call('mkdir', options, check.checkMkdir, async (errand) => {
      const attrs = options.mode === undefined ? {} : { permissions: options.mode };
      if (options.recursive !== true) {
        await nameCalls.makeFolder(this.session, path, attrs, errand);
        return undefined;
      }
      const made = await nameCalls.makeFolders(this.session, path, attrs, errand);
      return made === undefined ? undefined : pathText(made);
    });
  }

  /** Removes a folder that is empty. */
  rmdir(path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.simple('rmdir', options, (errand) => nameCalls.removeFolder(this.session, path, errand));
  }

  /** Removes a file; a folder only with `recursive`. */
  rm(path: RemotePath, options: check.RmOptions = {}): Promise<void> {
    const { recursive = false, force = false } = options;
    return this.call('rm', options, check.checkRm, (errand) =>
      removeTree(this.session, path, { recursive, force }, errand),
    );
  }

  private writeTo(
    name: 'writeFile' | 'appendFile',
    path: RemotePath,
    content: FileContent,
    usual: OpenFlag,
    options: check.WriteFileOptions,
  ): Promise<void> {
    return this.call(name, options, check.checkWriteFile, async (errand) => {
      const { flag = usual, mode } = options;
      const pflags = parseFlag(flag);
      checkContent(content);
      await this.withFile(path, pflags, mode, errand, async (file) => {
        const appends = (pflags & openFlags.append) !== 0;
        const start = appends ? (sizeOf((await file.attributes(errand)).size) ?? 0) : 0;
        await writeAll(file, start, content, errand);
      });
    });
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
    const file = await OpenFile.openInTurn(this.session, path, pflags, attrs, { errand });
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

  /** What is wanted of each entry, and no more: an entry takes ten times the memory of its name. */
  private async collect<T>(
    path: RemotePath,
    entries: AsyncIterable<DirectoryEntry>,
    of: (entry: DirectoryEntry) => T,
  ): Promise<T[]> {
    const found: T[] = [];
    for await (const entry of entries) {
      if (found.length === mostEntries) throw this.tooManyEntries(path);
      found.push(of(entry));
    }
    return found;
  }

  private tooManyEntries(path: RemotePath): SshError {
    const text = escapeText(pathText(path));
    return new SshError(
      'ERR_SSH_LIMIT',
      `"${text}" on ${this.session.channel.host} has more than ${mostEntries} entries; use opendir, which holds some of them only`,
      { origin: 'peer', path: text },
    );
  }
}
