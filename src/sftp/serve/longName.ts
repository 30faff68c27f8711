/**
 * The long form of a listing.
 *
 * Owns: one line as `ls -l` has it, which people read (draft-ietf-secsh-filexfer-02 §7).
 * Must not know: where entries come from.
 */
import { concatBytes, utf8Encode } from '../../base/bytes.ts';
import { fileTypes } from '../packet/attributes.ts';
import type { StoreEntry } from './store.ts';

const letters: ReadonlyMap<number, string> = new Map([
  [fileTypes.file, '-'],
  [fileTypes.folder, 'd'],
  [fileTypes.link, 'l'],
  [fileTypes.socket, 's'],
  [fileTypes.fifo, 'p'],
  [fileTypes.blockDevice, 'b'],
  [fileTypes.characterDevice, 'c'],
]);

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Milliseconds for which a file shows its time of day, and not its year. */
const recent = 182 * 86_400_000;

/** @param now milliseconds since 1970 */
export function longName({ name, attributes }: StoreEntry, now: number): Uint8Array {
  const { permissions = 0, links = 1, uid = 0, gid = 0, size = 0n, mtime = 0 } = attributes;
  const text = [
    modeText(permissions),
    String(links).padStart(3),
    String(uid).padEnd(8),
    String(gid).padEnd(8),
    String(size).padStart(8),
    timeText(mtime * 1000, now),
    '',
  ].join(' ');
  return concatBytes(utf8Encode(text), name);
}

/** Such as `drwxr-xr-x`. */
export function modeText(permissions: number): string {
  const type = letters.get(permissions & fileTypes.mask) ?? '?';
  const triple = (bits: number, isSet: boolean, letter: string): string => {
    const runs = (bits & 1) !== 0;
    const last = isSet ? (runs ? letter : letter.toUpperCase()) : runs ? 'x' : '-';
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  };
  return [
    type,
    triple(permissions >> 6, (permissions & 0o4000) !== 0, 's'),
    triple(permissions >> 3, (permissions & 0o2000) !== 0, 's'),
    triple(permissions, (permissions & 0o1000) !== 0, 't'),
  ].join('');
}

function timeText(milliseconds: number, now: number): string {
  const date = new Date(milliseconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${months[date.getMonth()]} ${String(date.getDate()).padStart(2)}`;
  const isRecent = milliseconds > now - recent && milliseconds <= now;
  return isRecent
    ? `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
    : `${day}  ${date.getFullYear()}`;
}
