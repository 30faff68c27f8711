/**
 * How far a transfer is, in one line such as scp shows.
 *
 * Owns: the form of the line.
 * Must not know: terminals, transfers.
 */

export interface ProgressState {
  /** What is transferred, safe to show. */
  readonly name: string;
  readonly transferred: number;
  /** Bytes that are known of. */
  readonly total: number;
  readonly files: number;
  readonly filesDone: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Milliseconds; undefined while nothing can be said. */
  readonly timeLeft: number | undefined;
  /** Milliseconds since it began. */
  readonly elapsed: number;
  readonly isDone: boolean;
}

/** Columns of what stands behind the name. */
const numbersWidth = 36;
/** A name is shown by this much at least. */
const narrowestName = 8;

/** `name  45%   12MB   3.4MB/s   00:05 ETA`; of several files the count of those that are done stands behind the name. */
export function progressLine(state: ProgressState, columns: number): string {
  const { name, files, filesDone, transferred, total, rate, timeLeft, elapsed, isDone } = state;
  const room = Math.max(narrowestName, columns - 1 - numbersWidth);
  const count = files > 1 ? ` (${filesDone}/${files})` : '';
  const shownName = `${cut(name, room - count.length)}${count}`.padEnd(room);
  const percent = `${percentOf(transferred, total, isDone)}%`.padStart(4);
  const time = isDone ? `${clock(elapsed)}    ` : `${clock(timeLeft)} ETA`;
  return `${shownName} ${percent} ${size(transferred)} ${size(Math.round(rate))}/s ${time}`;
}

/** A transfer is complete once it is done, and not before. */
function percentOf(transferred: number, total: number, isDone: boolean): number {
  if (isDone && transferred >= total) return 100;
  return total <= 0 ? 0 : Math.min(99, Math.floor((100 * transferred) / total));
}

const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes in seven columns. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)}${units[unit]}`.padStart(7);
}

/** Milliseconds as `mm:ss`, or `h:mm:ss`. */
export function clock(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '--:--'.padStart(8);
  const seconds = Math.round(milliseconds / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const hours = Math.floor(seconds / 3600);
  return (hours === 0 ? minutes : `${hours}:${minutes}`).padStart(8);
}

function cut(text: string, room: number): string {
  const characters = [...text];
  return characters.length <= room ? text : `${characters.slice(0, Math.max(1, room - 1)).join('')}…`;
}
