/**
 * Reading and changing the attributes of files.
 *
 * Owns: STAT, LSTAT, SETSTAT and lsetstat@openssh.com as calls; times and owners in the
 * form that SFTP has them in.
 * Must not know: the public API's options.
 */
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { type FileAttributes, fileTypes } from '../packet/attributes.ts';
import { lsetstat } from '../packet/extensions.ts';
import type { Operation } from '../protocol/errors.ts';
import type { Errand } from '../session/errand.ts';
import type { SftpSession } from '../session/session.ts';
import { pathBytes, pathText, type RemotePath } from './paths.ts';
import { isOfType } from './stats.ts';

/** A time: seconds since 1970, or a date. */
export type FileTime = number | bigint | Date;

/** The last second that SFTP has a number for: in the year 2106. */
const lastSecond = 0xffffffff;

export function statPath(
  session: SftpSession,
  path: RemotePath,
  kind: 'stat' | 'lstat',
  errand?: Errand,
  shownAs: RemotePath = path,
): Promise<FileAttributes> {
  return session.attributes({ kind, path: pathBytes(path) }, { name: kind, path: pathText(shownAs) }, errand);
}

/** The attributes, or undefined where there is no such file. Its errors name `shownAs`. */
export async function statIfThere(
  session: SftpSession,
  path: RemotePath,
  kind: 'stat' | 'lstat',
  errand?: Errand,
  shownAs: RemotePath = path,
): Promise<FileAttributes | undefined> {
  try {
    return await statPath(session, path, kind, errand, shownAs);
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}

export function isNoSuchFile(error: unknown): boolean {
  return error instanceof SshError && error.code === 'ERR_SSH_SFTP_NO_SUCH_FILE';
}

/** Changes attributes; of what a link leads to. */
export function setAttributes(
  session: SftpSession,
  path: RemotePath,
  attrs: FileAttributes,
  name: string,
  errand?: Errand,
): Promise<void> {
  const operation = { name, path: pathText(path) };
  return session.ok({ kind: 'setstat', path: pathBytes(path), attrs }, operation, errand);
}

/** Changes attributes, of a link itself; a server without the extension can do that for what is no link. */
export async function setLinkAttributes(
  session: SftpSession,
  path: RemotePath,
  attrs: FileAttributes,
  name: string,
  errand?: Errand,
): Promise<void> {
  const operation: Operation = { name, path: pathText(path) };
  const bytes = pathBytes(path);
  if (session.capabilities.has('lsetstat@openssh.com')) {
    const payload = lsetstat.toBytes({ path: bytes, attrs });
    return session.extendedOk('lsetstat@openssh.com', payload, operation, errand);
  }
  const found = await session.attributes({ kind: 'lstat', path: bytes }, operation, errand);
  if (isOfType(found, fileTypes.link)) {
    throw session.unsupported(
      operation,
      'lsetstat@openssh.com, without which a link itself cannot be changed',
    );
  }
  await session.ok({ kind: 'setstat', path: bytes, attrs }, operation, errand);
}

/** Owner and group, which SFTP has together only. */
export function ownerAttributes(uid: number, gid: number): FileAttributes {
  for (const id of [uid, gid]) {
    if (!Number.isInteger(id) || id < 0 || id > 0xffffffff) {
      throw optionsError('uid and gid must be whole numbers from 0 to 2^32-1; SFTP sets both at once');
    }
  }
  return { uid, gid };
}

/** @throws SshError `ERR_SSH_OPTIONS` for a time that SFTP has no number for (before 1970, after 2106) */
export function timeAttributes(atime: FileTime, mtime: FileTime): FileAttributes {
  return { atime: checkedSeconds(atime), mtime: checkedSeconds(mtime) };
}

/** Whole seconds, and whether the time was one that SFTP has no number for. */
export function clampedSeconds(milliseconds: number): {
  readonly seconds: number;
  readonly clamped: boolean;
} {
  const whole = Math.floor(milliseconds / 1000);
  const seconds = Math.min(Math.max(0, whole), lastSecond);
  return { seconds: Number.isNaN(seconds) ? 0 : seconds, clamped: seconds !== whole };
}

function checkedSeconds(time: FileTime): number {
  const isNumber = typeof time === 'number' || typeof time === 'bigint';
  const milliseconds = time instanceof Date ? time.getTime() : isNumber ? Number(time) * 1000 : Number.NaN;
  const { seconds, clamped } = clampedSeconds(milliseconds);
  if (clamped)
    throw optionsError('a time must be a Date or seconds, from 1970 to 2106, which is all SFTP has');
  return seconds;
}
