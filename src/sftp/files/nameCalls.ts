/**
 * Calls that make, move and remove names.
 *
 * Owns: MKDIR, RMDIR, REMOVE, RENAME, SYMLINK, READLINK, REALPATH as calls, and the
 * extensions of OpenSSH that do these better.
 * Must not know: the public API's options, contents of files.
 */
import { equalBytes } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { type FileAttributes, fileTypes } from '../packet/attributes.ts';
import { onePath, twoPaths } from '../packet/extensions.ts';
import type { Operation } from '../protocol/errors.ts';
import type { Errand } from '../session/errand.ts';
import type { SftpSession } from '../session/session.ts';
import { isNoSuchFile, statIfThere } from './attributeCalls.ts';
import { baseName, folderOf, joinPath, pathBytes, pathText, type RemotePath } from './paths.ts';
import { isOfType } from './stats.ts';

/** REALPATH: absolute, without `.` and `..`. Its errors name `shownAs`. */
export function realPath(
  session: SftpSession,
  path: RemotePath,
  errand?: Errand,
  shownAs: RemotePath = path,
): Promise<Uint8Array> {
  const operation = { name: 'realpath', path: pathText(shownAs) };
  return session.name({ kind: 'realpath', path: pathBytes(path) }, operation, errand);
}

/** As `realPath`, and `~` stands for the user's home, where the server has expand-path@openssh.com. */
export async function expandPath(
  session: SftpSession,
  path: RemotePath,
  errand?: Errand,
): Promise<Uint8Array> {
  const operation = { name: 'expand-path', path: pathText(path) };
  const payload = onePath.toBytes({ path: pathBytes(path) });
  if (!session.capabilities.has('expand-path@openssh.com')) {
    throw session.unsupported(operation, 'expand-path@openssh.com', 'use realpath for paths without ~');
  }
  const body = { kind: 'extended', extendedRequest: 'expand-path@openssh.com', payload } as const;
  return session.name(body, operation, errand);
}

export function readLink(session: SftpSession, path: RemotePath, errand?: Errand): Promise<Uint8Array> {
  const operation = { name: 'readlink', path: pathText(path) };
  return session.name({ kind: 'readlink', path: pathBytes(path) }, operation, errand);
}

/** Makes `path` a link to `target`; the order of the two on the wire depends on the server. */
export function makeSymlink(
  session: SftpSession,
  target: RemotePath,
  path: RemotePath,
  errand?: Errand,
): Promise<void> {
  const to = pathBytes(target, 'target');
  const at = pathBytes(path);
  const isTargetFirst = session.capabilities.symlinkOrder === 'target';
  const [first, second] = isTargetFirst ? [to, at] : [at, to];
  return session.ok({ kind: 'symlink', first, second }, { name: 'symlink', path: pathText(path) }, errand);
}

export function makeHardLink(
  session: SftpSession,
  existing: RemotePath,
  path: RemotePath,
  errand?: Errand,
): Promise<void> {
  const payload = twoPaths.toBytes({ oldpath: pathBytes(existing), newpath: pathBytes(path) });
  const operation = { name: 'link', path: pathText(path) };
  return session.extendedOk('hardlink@openssh.com', payload, operation, errand);
}

export function removeFile(session: SftpSession, path: RemotePath, errand?: Errand): Promise<void> {
  const operation = { name: 'unlink', path: pathText(path) };
  return session.ok({ kind: 'remove', filename: pathBytes(path) }, operation, errand);
}

export function removeFolder(session: SftpSession, path: RemotePath, errand?: Errand): Promise<void> {
  return session.ok(
    { kind: 'rmdir', path: pathBytes(path) },
    { name: 'rmdir', path: pathText(path) },
    errand,
  );
}

/** RENAME, which fails where there is a file of the new name (draft-ietf-secsh-filexfer-02 §6.5). */
export function renameOnly(
  session: SftpSession,
  from: RemotePath,
  to: RemotePath,
  errand?: Errand,
): Promise<void> {
  const paths = { oldpath: pathBytes(from), newpath: pathBytes(to, 'new path') };
  return session.ok({ kind: 'rename', ...paths }, { name: 'rename', path: pathText(from) }, errand);
}

/** How a file was put in another's place. */
export type Replacement = 'atomic' | 'removed first';

/**
 * Renames; a file in the way is replaced. Where the server has no
 * posix-rename@openssh.com that takes two steps, and there is a moment without a file.
 *
 * @param operation what its errors say was done
 */
export async function renameOver(
  session: SftpSession,
  from: RemotePath,
  to: RemotePath,
  errand?: Errand,
  operation: Operation = { name: 'rename', path: pathText(from) },
): Promise<Replacement> {
  const paths = { oldpath: pathBytes(from), newpath: pathBytes(to, 'new path') };
  if (session.capabilities.has('posix-rename@openssh.com')) {
    await session.extendedOk('posix-rename@openssh.com', twoPaths.toBytes(paths), operation, errand);
    return 'atomic';
  }
  const rename = (): Promise<void> => session.ok({ kind: 'rename', ...paths }, operation, errand);
  try {
    await rename();
    return 'atomic';
  } catch (error) {
    if (!(await isInTheWay(session, error, paths, errand))) throw error;
    const [old, wanted] = await Promise.all([
      placeOf(session, from, errand, operation.path ?? from),
      placeOf(session, to, errand, to),
    ]);
    // As by rename(2): two spellings of one entry are no file in the way.
    if (equalBytes(old, wanted)) return 'atomic';
    // Where capitals do not count these may be one file, which would be gone with the removal of the other.
    if (pathText(old).toLowerCase() === pathText(wanted).toLowerCase()) throw error;
  }
  await removeFile(session, to, errand);
  await rename();
  return 'removed first';
}

/** Where an entry of a folder lies, whatever links the path to it leads through. */
async function placeOf(
  session: SftpSession,
  path: RemotePath,
  errand: Errand | undefined,
  shownAs: RemotePath,
): Promise<Uint8Array> {
  const bytes = pathBytes(path);
  return joinPath(await realPath(session, folderOf(bytes), errand, shownAs), baseName(bytes));
}

/** A RENAME failed since there is a file of the new name, which is no folder. */
async function isInTheWay(
  session: SftpSession,
  error: unknown,
  paths: { readonly oldpath: Uint8Array; readonly newpath: Uint8Array },
  errand: Errand | undefined,
): Promise<boolean> {
  if (!(error instanceof SshError) || error.status === undefined || isNoSuchFile(error)) return false;
  const there = await statIfThere(session, paths.newpath, 'lstat', errand);
  if (there === undefined || isOfType(there, fileTypes.folder)) return false;
  return (await statIfThere(session, paths.oldpath, 'lstat', errand, paths.newpath)) !== undefined;
}

export function makeFolder(
  session: SftpSession,
  path: RemotePath,
  attrs: FileAttributes,
  errand?: Errand,
): Promise<void> {
  const operation = { name: 'mkdir', path: pathText(path) };
  return session.ok({ kind: 'mkdir', path: pathBytes(path), attrs }, operation, errand);
}

/**
 * Makes a folder and those above it.
 *
 * @returns the first that had to be made; undefined where all were there
 */
export async function makeFolders(
  session: SftpSession,
  path: RemotePath,
  attrs: FileAttributes,
  errand?: Errand,
): Promise<Uint8Array | undefined> {
  // From the folder up to the first that can be made, and down again.
  const missing: Uint8Array[] = [];
  let at = pathBytes(path);
  let first: Uint8Array | undefined;
  for (;;) {
    try {
      first = (await makeFolderUnlessThere(session, at, attrs, errand)) ? at : undefined;
      break;
    } catch (error) {
      const above = folderOf(at);
      if (!isNoSuchFile(error) || above.length >= at.length) throw error;
      missing.push(at);
      at = above;
    }
  }
  for (const folder of missing.reverse()) {
    const isNew = await makeFolderUnlessThere(session, folder, attrs, errand);
    if (isNew) first ??= folder;
  }
  return first;
}

/** MKDIR that takes a folder which is there for success. */
export async function makeFolderUnlessThere(
  session: SftpSession,
  path: RemotePath,
  attrs: FileAttributes,
  errand?: Errand,
): Promise<boolean> {
  try {
    await makeFolder(session, path, attrs, errand);
    return true;
  } catch (error) {
    // Servers have no status for "it is there": most say FAILURE.
    if (error instanceof SshError && error.status !== undefined && (await isFolder(session, path, errand))) {
      return false;
    }
    throw error;
  }
}

async function isFolder(
  session: SftpSession,
  path: RemotePath,
  errand: Errand | undefined,
): Promise<boolean> {
  const found = await statIfThere(session, path, 'stat', errand);
  return found !== undefined && isOfType(found, fileTypes.folder);
}
