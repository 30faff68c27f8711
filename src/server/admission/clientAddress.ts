/**
 * Who a client is, as far as its address tells.
 *
 * Owns: the address in what reports call a client, and the network it stands for.
 * Must not know: sockets, what is counted by it.
 */

/** Without its port; undefined where the client came over a stream of the caller. */
export function addressIn(target: string): string | undefined {
  if (target === 'stream') return undefined;
  return /^(.*):\d+$/.exec(target)?.[1] ?? target;
}

/** Anybody who has one address of IPv6 has all of its network. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  return `${[...front, ...zeros, ...back].slice(0, 4).join(':')}::/64`;
}
