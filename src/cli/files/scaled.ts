/**
 * Numbers of bytes for people.
 *
 * Owns: the units, and how many digits stand before them, as OpenSSH's programs print them.
 * Must not know: what is counted.
 */

const units = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];

/** At most three digits and a unit of 1024 times the last: `512B`, `1.5K`, `28.0G`. */
export function scaled(bytes: bigint): string {
  let unit = 0;
  let whole = bytes;
  let rest = 0n;
  for (; whole >= 1024n && unit < units.length - 1; unit++) {
    rest = whole % 1024n;
    whole /= 1024n;
  }
  let tenths = (rest * 10n + 512n) / 1024n;
  if (tenths === 10n) {
    whole += 1n;
    tenths = 0n;
  }
  if (unit === 0 || whole >= 100n) {
    // A number without a decimal is rounded like one with it.
    return `${tenths >= 5n ? whole + 1n : whole}${units[unit]}`;
  }
  return `${whole}.${tenths}${units[unit]}`;
}
