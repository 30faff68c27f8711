/**
 * When keys are exchanged again.
 *
 * Owns: RFC 4253 §9 and RFC 4344 §3: the limits of bytes, packets, blocks.
 * Must not know: clocks, how keys are exchanged.
 */
import type { KeyExchangeCause } from '../events.ts';

/** When this side asks for new keys (RFC 4253 §9, RFC 4344 §3). */
export interface RekeyPolicy {
  /** Bytes under one key in either direction. */
  readonly bytes: number;
  /** Packets under one key in either direction. */
  readonly packets: number;
  /** Milliseconds since the last exchange. */
  readonly interval: number;
}

/** 1 GiB, 2^31 packets, one hour. */
export const defaultRekeyPolicy: RekeyPolicy = { bytes: 2 ** 30, packets: 2 ** 31, interval: 3_600_000 };

const never = Number.POSITIVE_INFINITY;

/** For a peer that ends the connection over it; what a cipher allows still holds. */
export const noRekey: RekeyPolicy = { bytes: never, packets: never, interval: never };

/** A cipher with blocks of 16 bytes may serve 2^32 of them (RFC 4344 §3.2). */
const maximumBlocks = 2 ** 32;

/** What passed under the present key in one direction. */
export interface Passed {
  readonly bytes: number;
  readonly packets: number;
  readonly blocks: number;
}

/** Which limit is reached, time aside; undefined where none is. */
export function rekeyCause(
  policy: RekeyPolicy,
  incoming: Passed,
  outgoing: Passed,
): KeyExchangeCause | undefined {
  if (Math.max(incoming.bytes, outgoing.bytes) >= policy.bytes) return 'bytes';
  if (Math.max(incoming.packets, outgoing.packets) >= policy.packets) return 'packets';
  if (Math.max(incoming.blocks, outgoing.blocks) >= maximumBlocks) return 'blocks';
  return undefined;
}
