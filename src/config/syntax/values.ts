/**
 * Numbers in ssh_config: plain ones, times, sizes, modes.
 *
 * Owns: which texts are one, and their value.
 * Must not know: which keyword takes which.
 * Source: ssh_config(5); sshd_config(5), TIME FORMATS; scan_scaled(3).
 */

const largestInteger = 2_147_483_647;
const largestLong = 9_223_372_036_854_775_807n;

/** A whole number within bounds; undefined for anything else. */
export function wholeNumber(
  text: string,
  lowest: number,
  highest: number = largestInteger,
): number | undefined {
  if (!/^[ \t\n\v\f\r]*[+-]?[0-9]{1,400}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= lowest && value <= highest ? value : undefined;
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Seconds of a time such as `90`, `10m` or `1h30m`; a fraction of a second is
 * taken and dropped.
 */
export function seconds(text: string): number | undefined {
  const part = /([0-9]+|[0-9]*\.[0-9]+)(?![0-9.])([smhdw]?)/iy;
  let sum = 0;
  let hasSeconds = false;
  while (part.lastIndex < text.length) {
    const [whole, number = '', letter = ''] = part.exec(text) ?? [];
    if (whole === undefined) return undefined;
    const unit = letter === '' ? 's' : letter.toLowerCase();
    // A number without a unit is the last one.
    if (letter === '' && part.lastIndex < text.length) return undefined;
    if (unit === 's' ? hasSeconds : number.includes('.')) return undefined;
    hasSeconds ||= unit === 's';
    sum += Number(number) * (units[unit] ?? 1);
  }
  return text === '' || sum > largestInteger ? undefined : Math.trunc(sum);
}

const scales = 'bkmgtpe';

/**
 * A number of bytes such as `1G`, `1.5m` or `4096`: powers of 1024.
 *
 * @returns undefined for what is none, or is 2^63 or more
 */
export function byteCount(text: string): bigint | undefined {
  const [whole, signs, digits = '', fraction = '', scale = '', behind] =
    /^[ \t\n\v\f\r]*([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([a-z])(.*))?$/is.exec(text) ?? [];
  if (whole === undefined || /^[0-9a-z]/i.test(behind ?? '')) return undefined;
  if (digits.length > 20) return undefined;
  const power = scale === '' ? 0 : scales.indexOf(scale.toLowerCase());
  if (power < 0) return undefined;
  const factor = 1024n ** BigInt(power);
  const kept = scale === '' ? '' : fraction.slice(0, 19);
  const value =
    BigInt(digits === '' ? 0 : digits) * factor +
    (kept === '' ? 0n : (BigInt(kept) * factor) / 10n ** BigInt(kept.length));
  if (value > largestLong) return undefined;
  return signs === '-' ? -value : value;
}

/** A mode of a file in octal, as strtol reads it: what follows the digits is not looked at. */
export function fileMode(text: string): number | undefined {
  const [, sign = '', digits] = /^[ \t\n\v\f\r]*([+-]?)([0-7]+)/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = Number.parseInt(digits, 8);
  if (sign === '-' && value !== 0) return undefined;
  return value > 0o777 ? undefined : value;
}
