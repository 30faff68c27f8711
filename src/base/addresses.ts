/**
 * Numeric addresses of hosts.
 *
 * Owns: the one spelling of an address among all that a resolver takes for it
 * (inet_aton for version 4, RFC 4291 §2.2 and RFC 4007 §11 for version 6), in
 * the form that getnameinfo of glibc writes, which ssh keeps in known_hosts.
 * Must not know: names, ports, what an address is used for.
 */

/**
 * The one spelling of a numeric address: `127.0.0.1` for `127.1`, `::1` for
 * `0:0:0:0:0:0:0:1`. The zone of a scoped address stays as it is.
 *
 * @returns undefined for what is no numeric address
 */
export function canonicalAddress(text: string): string | undefined {
  if (!text.includes(':')) {
    const value = ipv4Value(text);
    return value === undefined ? undefined : ipv4Text(value);
  }
  const [, address = '', zone = ''] = /^([^%]*)(%[\w.~-]+)?$/.exec(text) ?? [];
  const words = ipv6Words(address);
  return words === undefined ? undefined : ipv6Text(words) + zone;
}

/** One to four numbers, decimal, octal or hexadecimal; the last one fills what the others leave. */
function ipv4Value(text: string): number | undefined {
  const parts = text.split('.').map(partValue);
  const last = parts.pop();
  if (last === undefined || parts.length > 3 || last >= 256 ** (4 - parts.length)) return undefined;
  let value = 0;
  for (const part of parts) {
    if (part === undefined || part > 255) return undefined;
    value = value * 256 + part;
  }
  return value * 256 ** (4 - parts.length) + last;
}

function partValue(text: string): number | undefined {
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  if (/^[1-9][0-9]*$/.test(text)) return Number(text);
  return /^0[xX][0-9a-fA-F]+$/.test(text) ? Number(text) : undefined;
}

function ipv4Text(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
}

/** The eight words of an address without its zone. */
function ipv6Words(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => wordsOf(half, i === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  // Two colons stand for one word of zeros at least.
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** The words between colons; the last two may be written as an address of version 4. */
function wordsOf(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const words: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      words.push(Number.parseInt(group, 16));
    } else {
      const value = isLast && i === groups.length - 1 ? dottedValue(group) : undefined;
      if (value === undefined) return undefined;
      words.push(value >>> 16, value & 0xffff);
    }
  }
  return words;
}

/** Four decimal numbers without leading zeros: within version 6 nothing else is taken. */
function dottedValue(text: string): number | undefined {
  return /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text) ? ipv4Value(text) : undefined;
}

function ipv6Text(words: readonly number[]): string {
  const { start, length } = longestZeros(words);
  const hex = (some: readonly number[]): string => some.map((word) => word.toString(16)).join(':');
  // An address of version 4 in one of version 6 is shown as such.
  if (start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff))) {
    const value = (((words[6] ?? 0) << 16) | (words[7] ?? 0)) >>> 0;
    return `::${length === 5 ? 'ffff:' : ''}${ipv4Text(value)}`;
  }
  if (length < 2) return hex(words);
  return `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

/** The first of the longest runs of words that are zero (RFC 5952 §4.2.3). */
function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > longest.length) longest = { start, length };
  }
  return longest;
}
