/**
 * A file as `ls -l` shows it.
 *
 * Owns: the line, with the columns of OpenSSH's sftp, which scripts take apart.
 * Must not know: where attributes come from.
 */
import type { FileStats } from '../../../sftp/files/stats.ts';
import { type ByteText, fromText, shown } from '../../files/byteText.ts';
import { scaled } from '../../files/scaled.ts';

/** Names of users and groups by number. */
export interface OwnerNames {
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
}

export const noNames: OwnerNames = { user: () => undefined, group: () => undefined };

export interface LineOptions {
  readonly owners: OwnerNames;
  readonly human: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const typeMask = 0o170000;
const typeLetters: ReadonlyMap<number, string> = new Map([
  [0o100000, '-'],
  [0o040000, 'd'],
  [0o120000, 'l'],
  [0o010000, 'p'],
  [0o140000, 's'],
  [0o060000, 'b'],
  [0o020000, 'c'],
]);

/** Ten letters: the type, and what owner, group and others may do. */
export function modeText(mode: number): string {
  const bits = (shift: number, special: number, letter: string): string => {
    const read = (mode >> shift) & 4 ? 'r' : '-';
    const write = (mode >> shift) & 2 ? 'w' : '-';
    const execute = ((mode >> shift) & 1) !== 0;
    if ((mode & special) === 0) return `${read}${write}${execute ? 'x' : '-'}`;
    return `${read}${write}${execute ? letter : letter.toUpperCase()}`;
  };
  const type = typeLetters.get(mode & typeMask) ?? '?';
  return `${type}${bits(6, 0o4000, 's')}${bits(3, 0o2000, 's')}${bits(0, 0o1000, 't')}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Seconds for which a file counts as recent, and shows the time of day and not the year. */
const recent = (365 * 24 * 60 * 60) / 2;

/** Twelve columns, in local time. */
export function timeText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  const day = `${months[date.getMonth()]} ${String(date.getDate()).padStart(2)}`;
  const nowSeconds = Math.floor(now / 1000);
  if (seconds > nowSeconds - recent && seconds <= nowSeconds) {
    const two = (value: number): string => String(value).padStart(2, '0');
    return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
  }
  return `${day}  ${String(date.getFullYear()).padStart(4)}`;
}

/** What the server left out is shown as nought. SFTP counts no names of a file, so that a question mark stands there. */
export function longLine(name: ByteText, attributes: FileStats['attributes'], options: LineOptions): string {
  const { permissions = 0, uid = 0, gid = 0, size = 0n, mtime = 0 } = attributes;
  const user = escapedName(options.owners.user(uid)) ?? String(uid);
  const group = escapedName(options.owners.group(gid)) ?? String(gid);
  const bytes = options.human ? scaled(size) : String(size);
  const columns = [
    `${modeText(permissions)} `,
    '  ?',
    user.padEnd(8),
    group.padEnd(8),
    bytes.padStart(8),
    timeText(mtime, options.now),
    shown(name),
  ];
  return columns.join(' ');
}

/** Names of owners come from the server as well. */
function escapedName(name: string | undefined): string | undefined {
  return name === undefined ? undefined : shown(fromText(name));
}
