/**
 * What a store throws, as a status.
 *
 * Owns: which errors are answers (a refusal, an error of the system) and which are faults of
 * the store; the text that a client gets.
 * Must not know: which call threw.
 */
import type { SftpResponse } from '../packet/responses.ts';
import { statusCodes } from '../packet/status.ts';
import { statusResponse } from '../protocol/server.ts';
import { SftpRefusal } from './store.ts';

/** Codes of the system, as OpenSSH translates them. */
const codes: Readonly<Record<string, readonly [status: keyof typeof statusCodes, text?: string]>> = {
  ENOENT: ['noSuchFile'],
  ENOTDIR: ['noSuchFile', 'a part of the path is not a folder'],
  ELOOP: ['noSuchFile', 'too many links'],
  EACCES: ['permissionDenied'],
  EPERM: ['permissionDenied'],
  EROFS: ['permissionDenied', 'the file system is read-only'],
  ENAMETOOLONG: ['badMessage', 'the name is too long'],
  EINVAL: ['badMessage'],
  ENOSYS: ['opUnsupported'],
  ENOTSUP: ['opUnsupported'],
  EOPNOTSUPP: ['opUnsupported'],
  EEXIST: ['failure', 'the name is taken'],
  ENOTEMPTY: ['failure', 'the folder is not empty'],
  EISDIR: ['failure', 'it is a folder'],
  EXDEV: ['failure', 'the two lie on different file systems'],
  ENOSPC: ['failure', 'no space is left'],
  EDQUOT: ['failure', 'the quota is used up'],
  EFBIG: ['failure', 'the file would be too large'],
  EBUSY: ['failure', 'it is in use'],
  EMLINK: ['failure', 'it has too many names'],
  EMFILE: ['failure', 'too many files are open'],
  ENFILE: ['failure', 'too many files are open'],
  EIO: ['failure', 'an error of the disk'],
};

export function statusOfFault(error: unknown): { readonly answer: SftpResponse; readonly isFault: boolean } {
  if (error instanceof SftpRefusal) {
    const text = error.message === '' ? undefined : error.message;
    return { answer: statusResponse(error.status, text), isFault: false };
  }
  const found = codes[systemCode(error)];
  // What a fault says may be meant for nobody but the application.
  if (found === undefined) return { answer: statusResponse(statusCodes.failure), isFault: true };
  const [status, text] = found;
  return { answer: statusResponse(statusCodes[status], text), isFault: false };
}

function systemCode(error: unknown): string {
  // A store may throw anything, a proxy that throws in its turn among it.
  try {
    const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    return typeof code === 'string' && Object.hasOwn(codes, code) ? code : '';
  } catch {
    return '';
  }
}
