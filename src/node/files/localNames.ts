/**
 * Names that a local file may have.
 *
 * Owns: what is refused of the names that a server lists: whatever leads out of its
 * folder, or to a device, on this system.
 * Must not know: files.
 */
import { utf8Decode } from '../../base/bytes.ts';

/** Names of Windows that are devices, whatever follows a dot behind them. */
const devices = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)/i;

/** Why no file may have this name where names are bytes, in words. */
export function posixNameProblem(name: Uint8Array): string | undefined {
  if (name.length === 0) return 'it is empty';
  if (name.includes(0x2f)) return 'it has a slash in it';
  if (name.includes(0)) return 'it has a NUL in it';
  if (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) {
    return 'it leads out of its folder';
  }
  return undefined;
}

/** The same on Windows, where more characters lead somewhere and names are text. */
export function windowsNameProblem(name: Uint8Array): string | undefined {
  const problem = posixNameProblem(name);
  if (problem !== undefined) return problem;
  const text = utf8Decode(name, true);
  if (text === undefined) return 'it is not UTF-8, as names of Windows have to be';
  if (text.includes('\\')) return 'it has a backslash in it';
  if (text.includes(':')) return 'it has a colon in it, as a drive or a stream has';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that Windows refuses
  if (/[<>"|?*\x00-\x1f]/.test(text)) return 'it has a character that Windows does not allow';
  if (/[. ]$/.test(text)) return 'it ends in a dot or a space, which Windows leaves out';
  if (devices.test(text)) return 'it is the name of a device of Windows';
  return undefined;
}
