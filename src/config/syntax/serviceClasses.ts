/**
 * Classes of service on the wire, as IPQoS names them.
 *
 * Owns: the names and their values in the byte of an IP header.
 * Must not know: sockets.
 * Sources: RFC 2474, RFC 2597, RFC 3246, RFC 5865, RFC 8622.
 */

const values: Readonly<Record<string, number>> = {
  af11: 0x28,
  af12: 0x30,
  af13: 0x38,
  af21: 0x48,
  af22: 0x50,
  af23: 0x58,
  af31: 0x68,
  af32: 0x70,
  af33: 0x78,
  af41: 0x88,
  af42: 0x90,
  af43: 0x98,
  cs0: 0x00,
  cs1: 0x20,
  cs2: 0x40,
  cs3: 0x60,
  cs4: 0x80,
  cs5: 0xa0,
  cs6: 0xc0,
  cs7: 0xe0,
  ef: 0xb8,
  le: 0x04,
  va: 0xb0,
};

/** Names of RFC 1349, which nothing on the way knows any more: the system's own class is used. */
const former: ReadonlySet<string> = new Set(['lowdelay', 'throughput', 'reliability']);

/** Numbers are decimal, hexadecimal behind `0x` and octal behind `0`, as C reads them. */
function numberOf(text: string): number | undefined {
  const [, digits = ''] = /^[ \t\n\v\f\r]*\+?(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.exec(text) ?? [];
  if (digits === '') return undefined;
  if (!/^0[0-9]/.test(digits)) return Number(digits);
  return /[89]/.test(digits) ? undefined : Number.parseInt(digits, 8);
}

/** The mark of packets of a class as `serviceClass` gives it; undefined for `none`. */
export function serviceMark(name: string): number | undefined {
  if (name === 'none') return undefined;
  return Object.hasOwn(values, name) ? values[name] : Number(name);
}

/** The class that a text names, in its one spelling; undefined for what is none. */
export function serviceClass(text: string): string | undefined {
  const name = text.toLowerCase();
  if (name === 'none' || former.has(name)) return 'none';
  if (Object.hasOwn(values, name)) return name;
  const value = numberOf(text);
  if (value === undefined || value > 255) return undefined;
  const known = Object.keys(values).find((one) => values[one] === value);
  return known ?? `0x${value.toString(16).padStart(2, '0')}`;
}
