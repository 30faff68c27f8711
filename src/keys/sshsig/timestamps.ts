/**
 * Dates as ssh-keygen takes them: `YYYYMMDD[HHMM[SS]][Z]`.
 *
 * Owns: the reading of them, by the calendar alone.
 * Must not know: clocks; the time zone is given as a function.
 * Source: ssh-keygen(1), ALLOWED SIGNERS.
 */

/** Seconds since 1970 of a time that a clock on the wall shows, given as if the wall were in UTC. */
export type WallClock = (secondsInUtc: number) => number;

const pattern = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z)?$/i;

/**
 * Seconds since 1970; undefined for what is no date. Without a `Z` the time is the
 * one that the given wall clock shows.
 */
export function parseTimestamp(text: string, wallClock: WallClock): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  // A leap second is a second that exists.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const seconds = (daysSince1970(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
  return match[7] === undefined ? wallClock(seconds) : seconds;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** By years that begin in March, so that the day that may be missing is the last one. */
function daysSince1970(year: number, month: number, day: number): number {
  const inYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays = Math.floor(inYear / 4) - Math.floor(inYear / 100) + Math.floor(inYear / 400);
  return inYear * 365 + leapDays + dayOfYear - 719_468;
}
