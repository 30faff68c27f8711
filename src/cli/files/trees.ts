/**
 * The files of this machine and those of a server, as the glob sees them.
 *
 * Owns: that a file which may not be seen counts as one that is not there, and that the end of a session
 * does not.
 * Must not know: patterns.
 */
import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { SshError } from '../../base/errors.ts';
import { nodeLocalFiles } from '../../node/files/localFiles.ts';
import { posixNameProblem } from '../../node/files/localNames.ts';
import type { FileStats } from '../../sftp/files/stats.ts';
import type { Sftp } from '../../sftp/sftp.ts';
import { type ByteText, fromBytes, nameInFolder, shown, toBytes, toLocalPath } from './byteText.ts';
import type { FileTree } from './glob/expand.ts';

/** Whether an error is the server's answer to one request: the session goes on. */
export function isAnswer(error: unknown): error is SshError {
  return error instanceof SshError && error.status !== undefined;
}

export function remoteTree(sftp: Sftp, signal?: AbortSignal): FileTree<FileStats> {
  const seen = async <T>(call: Promise<T>): Promise<T | undefined> => {
    try {
      return await call;
    } catch (error) {
      if (isAnswer(error)) return undefined;
      throw error;
    }
  };
  return {
    list: async (folder) => {
      const entries = await seen(sftp.readdir(toBytes(folder), { withFileTypes: true, signal }));
      // A server that lists a name with a slash in it would say where a file of this side goes.
      const possible = (entries ?? []).filter(({ nameBytes }) => posixNameProblem(nameBytes) === undefined);
      return possible.map((entry) => ({
        name: fromBytes(entry.nameBytes),
        file: entry.attributes.permissions === undefined ? undefined : entry.stats(),
      }));
    },
    lstat: (path) => seen(sftp.lstat(toBytes(path), { signal })),
    stat: (path) => seen(sftp.stat(toBytes(path), { signal })),
    kindOf,
  };
}

export function localTree(): FileTree<Stats> {
  const seen = async <T>(call: Promise<T>): Promise<T | undefined> => {
    try {
      return await call;
    } catch {
      return undefined;
    }
  };
  return {
    list: async (folder) => {
      const names = await seen(readdir(toLocalPath(folder) as string, { encoding: 'buffer' }));
      return (names ?? []).map((name) => ({ name: fromBytes(name), file: undefined }));
    },
    lstat: (path) => seen(lstat(toLocalPath(path) as string)),
    stat: (path) => seen(stat(toLocalPath(path) as string)),
    kindOf,
  };
}

/**
 * The name that a file of a server has here where its path there decides it.
 *
 * @throws SshError `ERR_SSH_TRANSFER` for a name that no file here may have
 */
export function localNameOf(path: ByteText): ByteText {
  const name = nameInFolder(path);
  const problem = name === '.' ? undefined : nodeLocalFiles.nameProblem(toBytes(name));
  if (problem === undefined) return name;
  throw new SshError('ERR_SSH_TRANSFER', `no file here may be named "${shown(name)}": ${problem}`, {
    origin: 'peer',
    path: shown(path),
  });
}

/** Whether there is a folder at a local path. */
export async function isLocalFolder(path: ByteText): Promise<boolean> {
  return (await localTree().stat(path))?.isDirectory() === true;
}

/** Whether there is a folder at a path of the server. */
export async function isRemoteFolder(sftp: Sftp, path: ByteText, signal: AbortSignal): Promise<boolean> {
  return (await remoteTree(sftp, signal).stat(path))?.isDirectory() === true;
}

function kindOf(file: { isDirectory(): boolean; isSymbolicLink(): boolean }): 'folder' | 'link' | 'other' {
  if (file.isDirectory()) return 'folder';
  return file.isSymbolicLink() ? 'link' : 'other';
}
