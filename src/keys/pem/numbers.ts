/**
 * Whole numbers as big-endian magnitudes and as BigInt.
 *
 * Owns: the conversions, and the fixed lengths that curves want.
 * Must not know: keys, files.
 */
import { toHex } from '../../base/bytes.ts';

/** The number that big-endian bytes mean; no bytes mean 0. */
export function toBigInt(magnitude: Uint8Array): bigint {
  return magnitude.length === 0 ? 0n : BigInt(`0x${toHex(magnitude)}`);
}

/** Big-endian without leading zeros; 0 is empty. */
export function toMagnitude(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const hex = value.toString(16);
  return hexBytes(hex.length % 2 === 0 ? hex : `0${hex}`);
}

/** Without its leading zeros, as a view. */
export function viewTrimmed(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length && magnitude[start] === 0) start++;
  return magnitude.subarray(start);
}

/** Padded with leading zeros to `length` bytes; undefined when the number is longer than that. */
export function toFixedLength(magnitude: Uint8Array, length: number): Uint8Array | undefined {
  const trimmed = viewTrimmed(magnitude);
  if (trimmed.length > length) return undefined;
  const out = new Uint8Array(length);
  out.set(trimmed, length - trimmed.length);
  return out;
}

function hexBytes(hex: string): Uint8Array {
  const out = new Uint8Array(hex.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}
