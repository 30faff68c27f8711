/**
 * Networks in `Match localnetwork`.
 *
 * Owns: which lists of networks are right, and whether an address is in one.
 * Must not know: which addresses this machine has.
 * Sources: ssh_config(5), Match; RFC 4632 §3.1; RFC 4291 §2.3.
 */
import { canonicalAddress } from '../../base/addresses.ts';
import { wholeNumber } from './values.ts';

/** An address as bits, and how many of them count. */
interface Network {
  readonly bits: bigint;
  readonly width: 32 | 128;
  readonly length: number;
}

/** Reads a list with commas; undefined where one of them is no network, or has bits behind its mask. */
export function parseNetworks(list: string): readonly Network[] | undefined {
  const networks: Network[] = [];
  for (const text of list.split(',')) {
    const network = parseNetwork(text);
    if (network === undefined) return undefined;
    networks.push(network);
  }
  return networks;
}

/** Whether one of the addresses is in one of the networks. */
export function anyInNetworks(addresses: readonly string[], networks: readonly Network[]): boolean {
  return addresses.some((text) => {
    const address = addressBits(text);
    return (
      address !== undefined &&
      networks.some(
        ({ bits, width, length }) =>
          width === address.width &&
          address.bits >> BigInt(width - length) === bits >> BigInt(width - length),
      )
    );
  });
}

function parseNetwork(text: string): Network | undefined {
  if (!/^[0-9a-f.:/]{1,49}$/i.test(text)) return undefined;
  const [addressText = '', maskText, ...more] = text.split('/');
  const address = addressBits(addressText);
  if (address === undefined || more.length > 0) return undefined;
  const { bits, width } = address;
  const length = maskText === undefined ? width : wholeNumber(maskText, 0, width);
  if (length === undefined) return undefined;
  // A network is written without the bits of a host in it.
  const hostBits = BigInt(width - length);
  return bits === (bits >> hostBits) << hostBits ? { bits, width, length } : undefined;
}

function addressBits(text: string): Pick<Network, 'bits' | 'width'> | undefined {
  const canonical = canonicalAddress(text)?.replace(/%.*$/, '');
  if (canonical === undefined) return undefined;
  if (!canonical.includes(':')) return { bits: ipv4Bits(canonical), width: 32 };
  const dotted = /^(.*:)([0-9.]+)$/.exec(canonical);
  const head = dotted === null ? canonical : `${dotted[1] ?? ''}${ipv4Words(dotted[2] ?? '')}`;
  return { bits: ipv6Bits(head), width: 128 };
}

function ipv4Bits(text: string): bigint {
  return text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function ipv4Words(text: string): string {
  const bits = text.includes('.') ? ipv4Bits(text) : undefined;
  return bits === undefined ? text : `${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`;
}

function ipv6Bits(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const first = words(head);
  const last = words(tail ?? '');
  const zeros = tail === undefined ? [] : new Array<string>(8 - first.length - last.length).fill('0');
  return [...first, ...zeros, ...last].reduce((bits, word) => (bits << 16n) | BigInt(`0x${word}`), 0n);
}
