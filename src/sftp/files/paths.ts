/**
 * Paths on a server.
 *
 * Owns: a path given as text or bytes, joining and taking apart with `/`, which names
 * a folder can truthfully have.
 * Must not know: paths of this machine.
 */
import { concatBytes, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';

/** A path on the server: text, which is sent as UTF-8, or bytes as they are. */
export type RemotePath = string | Uint8Array;

export const slash = 0x2f;

/**
 * The bytes of a path.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for what is no path, an empty one, one with a NUL in it
 */
export function pathBytes(path: RemotePath, of: string = 'path'): Uint8Array {
  if (typeof path !== 'string' && !(path instanceof Uint8Array)) {
    throw optionsError(`the ${of} must be a string or a Uint8Array`);
  }
  const bytes = typeof path === 'string' ? utf8Encode(path) : path;
  if (bytes.length === 0) throw optionsError(`the ${of} is empty; the folder where a session begins is "."`);
  if (bytes.includes(0)) throw optionsError(`the ${of} has a NUL in it, which no file name can have`);
  return bytes;
}

/** A path for people; what is not UTF-8 in it is replaced. */
export function pathText(path: RemotePath): string {
  // What is no path is refused elsewhere.
  return path instanceof Uint8Array ? utf8Decode(path) : String(path);
}

/** `folder/name`. */
export function joinPath(folder: Uint8Array, name: Uint8Array): Uint8Array {
  if (folder.length === 0) return name;
  const isClosed = folder[folder.length - 1] === slash;
  return isClosed ? concatBytes(folder, name) : concatBytes(folder, Uint8Array.of(slash), name);
}

/** The last name of a path; empty for `/`. */
export function baseName(path: Uint8Array): Uint8Array {
  const end = endWithoutSlashes(path);
  return path.subarray(path.lastIndexOf(slash, end - 1) + 1, end);
}

/** The folder of a path: `.` where it names none. */
export function folderOf(path: Uint8Array): Uint8Array {
  const end = endWithoutSlashes(path);
  const at = path.lastIndexOf(slash, end - 1);
  if (end === 0) return path.subarray(0, 1);
  if (at < 0) return Uint8Array.of(0x2e);
  const folder = path.subarray(0, at);
  const folderEnd = endWithoutSlashes(folder);
  return folderEnd === 0 ? path.subarray(0, 1) : folder.subarray(0, folderEnd);
}

/** Whether a folder can have an entry of this name: servers list others only when they lie. */
export function isPossibleName(name: Uint8Array): boolean {
  if (name.length === 0 || name.includes(slash) || name.includes(0)) return false;
  return !isDotName(name);
}

/** `.` and `..`, which every folder has. */
export function isDotName(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}

function endWithoutSlashes(path: Uint8Array): number {
  let end = path.length;
  while (end > 0 && path[end - 1] === slash) end--;
  return end;
}
