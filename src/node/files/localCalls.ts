/**
 * Calls of the system on local files.
 *
 * Owns: a call with a callback as a promise, and its error in words.
 * Must not know: which calls there are.
 */
import { getSystemErrorMap } from 'node:util';
import { escapeText } from '../../base/bytes.ts';
import { LocalFault, type LocalPath } from '../../sftp/seam/localFiles.ts';

/** Makes a call; `doing` is its verb in `cannot VERB "path"`. */
export function called<T = void>(
  doing: string,
  path: LocalPath,
  ask: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      ask((error, value) => {
        if (error === null || error === undefined) resolve(value);
        else reject(faultOf(error, doing, path));
      });
    } catch (error) {
      // Node asks the system for nothing with a NUL in it.
      reject(faultOf(error, doing, path));
    }
  });
}

/** An error of the system as that of a transfer. */
export function faultOf(error: unknown, doing: string, path: LocalPath): LocalFault {
  if (error instanceof LocalFault) return error;
  const { code = 'UNKNOWN', errno, message } = error as NodeJS.ErrnoException;
  const meaning = (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
  const text = typeof path === 'string' ? path : Buffer.from(path).toString('utf8');
  return new LocalFault(code, `cannot ${doing} "${escapeText(text)}": ${meaning} (${code})`, text, error);
}
