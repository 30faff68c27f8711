/**
 * Calls on a path: attributes and names, as a user makes them.
 *
 * Owns: checks, bounds and results of each of these calls.
 * Must not know: how each is carried out, contents of files.
 */

import type { PublicFunction } from '../../endpoint/calls/callSite.ts';
import { filesystemStatus, homeDirectory, onePath } from '../packet/extensions.ts';
import type { CallOptions } from '../seam/channel.ts';
import type { Errand } from '../session/errand.ts';
import { decoded, type SftpSession } from '../session/session.ts';
import type { FileTime } from './attributeCalls.ts';
import * as attributeCalls from './attributeCalls.ts';
import * as nameCalls from './nameCalls.ts';
import * as check from './options.ts';
import { pathBytes, pathText, type RemotePath } from './paths.ts';
import { BigIntFileStats, FileStats } from './stats.ts';

/** Numbers of a file system on the server, in the shape of `fs.StatFs`. */
export interface FilesystemStats {
  /** Bytes of a block, in which the counts are. */
  readonly bsize: bigint;
  /** Blocks in all. */
  readonly blocks: bigint;
  /** Free blocks. */
  readonly bfree: bigint;
  /** Blocks that a user without privileges may have. */
  readonly bavail: bigint;
  /** Files that the file system can have. */
  readonly files: bigint;
  /** Files that it can have apart from those that are there. */
  readonly ffree: bigint;
  /** The same for a user without privileges. */
  readonly favail: bigint;
  /** What the server calls the file system. */
  readonly fsid: bigint;
  /** Whether nothing can be written to it. */
  readonly isReadOnly: boolean;
  /** Bytes of a file name at most. */
  readonly namemax: bigint;
}

/** Bit of `f_flag` (OpenSSH PROTOCOL §4.4). */
const readOnlyFlag = 1n;

/**
 * Every call rejects with an `SshError`: `ERR_SSH_SFTP_NO_SUCH_FILE`,
 * `ERR_SSH_SFTP_PERMISSION_DENIED`, `ERR_SSH_SFTP_FAILURE` or
 * `ERR_SSH_SFTP_UNSUPPORTED` for what the server answered, with its number and name in
 * `status` and the file in `path`; `ERR_SSH_TIMEOUT` where it did not answer within the
 * `request` timeout, or where the `timeout` of the call is over; `ERR_SSH_ABORTED`;
 * `ERR_SSH_OPTIONS`; the cause of the end where the session or the connection ended.
 */
export class PathCalls {
  protected readonly session: SftpSession;

  constructor(session: SftpSession) {
    this.session = session;
  }

  // Attributes -----------------------------------------------------------------------

  /** Of what a link leads to. */
  stat(path: RemotePath, options: check.StatOptions & { readonly bigint: true }): Promise<BigIntFileStats>;
  stat(
    path: RemotePath,
    options?: check.StatOptions & { readonly bigint?: false | undefined },
  ): Promise<FileStats>;
  stat(path: RemotePath, options: check.StatOptions = {}): Promise<FileStats | BigIntFileStats> {
    return this.statOf('stat', path, options);
  }

  /** Of a link itself. */
  lstat(path: RemotePath, options: check.StatOptions & { readonly bigint: true }): Promise<BigIntFileStats>;
  lstat(
    path: RemotePath,
    options?: check.StatOptions & { readonly bigint?: false | undefined },
  ): Promise<FileStats>;
  lstat(path: RemotePath, options: check.StatOptions = {}): Promise<FileStats | BigIntFileStats> {
    return this.statOf('lstat', path, options);
  }

  /** Whether there is such a file. Rejects where the server does not let that be seen. */
  exists(path: RemotePath, options: CallOptions = {}): Promise<boolean> {
    return this.simple('exists', options, async (errand) => {
      return (await attributeCalls.statIfThere(this.session, path, 'stat', errand)) !== undefined;
    });
  }

  /** Sets the permissions of a file; a link is followed. */
  chmod(path: RemotePath, mode: number, options: CallOptions = {}): Promise<void> {
    return this.simple('chmod', options, (errand) => {
      const attrs = { permissions: check.checkedPermissions(mode) };
      return attributeCalls.setAttributes(this.session, path, attrs, 'chmod', errand);
    });
  }

  /** Of a link itself (lsetstat@openssh.com). Linux has no permissions of links. */
  lchmod(path: RemotePath, mode: number, options: CallOptions = {}): Promise<void> {
    return this.simple('lchmod', options, (errand) => {
      const attrs = { permissions: check.checkedPermissions(mode) };
      return attributeCalls.setLinkAttributes(this.session, path, attrs, 'lchmod', errand);
    });
  }

  /** Sets owner and group of a file by their numbers; a link is followed. */
  chown(path: RemotePath, uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.simple('chown', options, (errand) => {
      const attrs = attributeCalls.ownerAttributes(uid, gid);
      return attributeCalls.setAttributes(this.session, path, attrs, 'chown', errand);
    });
  }

  /** Of a link itself (lsetstat@openssh.com). */
  lchown(path: RemotePath, uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.simple('lchown', options, (errand) => {
      const attrs = attributeCalls.ownerAttributes(uid, gid);
      return attributeCalls.setLinkAttributes(this.session, path, attrs, 'lchown', errand);
    });
  }

  /** Times in seconds since 1970, or as dates; SFTP has whole seconds up to the year 2106. */
  utimes(path: RemotePath, atime: FileTime, mtime: FileTime, options: CallOptions = {}): Promise<void> {
    return this.simple('utimes', options, (errand) => {
      const attrs = attributeCalls.timeAttributes(atime, mtime);
      return attributeCalls.setAttributes(this.session, path, attrs, 'utimes', errand);
    });
  }

  /** Of a link itself (lsetstat@openssh.com). */
  lutimes(path: RemotePath, atime: FileTime, mtime: FileTime, options: CallOptions = {}): Promise<void> {
    return this.simple('lutimes', options, (errand) => {
      const attrs = attributeCalls.timeAttributes(atime, mtime);
      return attributeCalls.setLinkAttributes(this.session, path, attrs, 'lutimes', errand);
    });
  }

  /** Cuts a file, or makes it longer with zeros. */
  truncate(path: RemotePath, length: number | bigint = 0, options: CallOptions = {}): Promise<void> {
    return this.simple('truncate', options, (errand) =>
      attributeCalls.setAttributes(
        this.session,
        path,
        { size: BigInt(check.checkedPosition(length)) },
        'truncate',
        errand,
      ),
    );
  }

  /** The file system that a file is on (statvfs@openssh.com). */
  statfs(path: RemotePath, options: CallOptions = {}): Promise<FilesystemStats> {
    return this.simple('statfs', options, async (errand) => {
      const asked = onePath.toBytes({ path: pathBytes(path) });
      const operation = { name: 'statfs', path: pathText(path) };
      const payload = await this.session.extended('statvfs@openssh.com', asked, operation, errand);
      const { frsize, flag, bsize: _preferred, ...rest } = decoded(() => filesystemStatus.fromBytes(payload));
      return { bsize: frsize, isReadOnly: (flag & readOnlyFlag) !== 0n, ...rest };
    });
  }

  // Names ----------------------------------------------------------------------------

  /**
   * Renames; a file in the way is replaced: at once (posix-rename@openssh.com), or by removing it first where the
   * server cannot. With `replace: false` by the RENAME of the protocol alone, which fails then.
   */
  rename(from: RemotePath, to: RemotePath, options: check.RenameOptions = {}): Promise<void> {
    return this.call('rename', options, check.checkRename, async (errand) => {
      if (options.replace === false) await nameCalls.renameOnly(this.session, from, to, errand);
      else await nameCalls.renameOver(this.session, from, to, errand);
    });
  }

  /** Removes a file or a link, and no folder. */
  unlink(path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.simple('unlink', options, (errand) => nameCalls.removeFile(this.session, path, errand));
  }

  /** Makes `path` another name of a file (hardlink@openssh.com). */
  link(existing: RemotePath, path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.simple('link', options, (errand) =>
      nameCalls.makeHardLink(this.session, existing, path, errand),
    );
  }

  /** Makes `path` a link to `target`. */
  symlink(target: RemotePath, path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.simple('symlink', options, (errand) =>
      nameCalls.makeSymlink(this.session, target, path, errand),
    );
  }

  /** What a link leads to, as it is written in it. */
  readlink(
    path: RemotePath,
    options: check.PathOptions & { readonly encoding: 'buffer' },
  ): Promise<Uint8Array>;
  readlink(path: RemotePath, options?: check.PathOptions): Promise<string>;
  readlink(path: RemotePath, options: check.PathOptions = {}): Promise<string | Uint8Array> {
    return this.pathOf('readlink', options, (errand) => nameCalls.readLink(this.session, path, errand));
  }

  /** The absolute path without `.` and `..`. `realpath('.')` is where the session begins. */
  realpath(
    path: RemotePath,
    options: check.PathOptions & { readonly encoding: 'buffer' },
  ): Promise<Uint8Array>;
  realpath(path: RemotePath, options?: check.PathOptions): Promise<string>;
  realpath(path: RemotePath, options: check.PathOptions = {}): Promise<string | Uint8Array> {
    return this.pathOf('realpath', options, (errand) => nameCalls.realPath(this.session, path, errand));
  }

  /** As `realpath`, and `~` stands for the user's home (expand-path@openssh.com). */
  expandPath(path: RemotePath, options: CallOptions = {}): Promise<string> {
    return this.simple('expandPath', options, async (errand) =>
      pathText(await nameCalls.expandPath(this.session, path, errand)),
    );
  }

  /** The home folder of a user, the user's own where none is named (home-directory). */
  homeDirectory(username: string = '', options: CallOptions = {}): Promise<string> {
    const payload = homeDirectory.toBytes({ username: new TextEncoder().encode(username) });
    const body = { kind: 'extended', extendedRequest: 'home-directory', payload } as const;
    const operation = { name: 'home-directory', path: undefined };
    return this.simple('homeDirectory', options, async (errand) => {
      if (!this.session.capabilities.has('home-directory')) {
        throw this.session.unsupported(operation, 'home-directory');
      }
      return pathText(await this.session.name(body, operation, errand));
    });
  }

  // The common part --------------------------------------------------------------------

  /**
   * A call of the public API: checked, bounded, its error led to the caller's line.
   *
   * @param name of the method, which the caller's frames end at
   */
  protected call<Options extends CallOptions, T>(
    name: string,
    given: Options,
    test: (given: Options) => void,
    work: (errand: Errand | undefined) => Promise<T>,
  ): Promise<T> {
    const { session } = this;
    return session.publicCall(Reflect.get(this, name) as PublicFunction, async () => {
      test(given);
      return session.call(`${name} over SFTP`, given, async (errand) => work(errand));
    });
  }

  /** A call with no options but its bounds. */
  protected simple<T>(
    name: string,
    options: CallOptions,
    work: (errand: Errand | undefined) => Promise<T>,
  ): Promise<T> {
    return this.call(name, options, check.checkCall, work);
  }

  private pathOf(
    name: string,
    options: check.PathOptions,
    work: (errand: Errand | undefined) => Promise<Uint8Array>,
  ): Promise<string | Uint8Array> {
    return this.call(name, options, check.checkPath, async (errand) => {
      const bytes = await work(errand);
      return options.encoding === 'buffer' ? bytes : pathText(bytes);
    });
  }

  private statOf(
    kind: 'stat' | 'lstat',
    path: RemotePath,
    options: check.StatOptions,
  ): Promise<FileStats | BigIntFileStats> {
    return this.call(kind, options, check.checkStat, async (errand) => {
      const found = await attributeCalls.statPath(this.session, path, kind, errand);
      return options.bigint === true ? new BigIntFileStats(found) : new FileStats(found);
    });
  }
}
