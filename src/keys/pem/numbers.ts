/**
 * Whole numbers as big-endian magnitudes.
 *
 * Owns: their leading zeros, and the fixed lengths that curves want.
 * Must not know: keys, files.
 */
import { fromHex } from '../../base/bytes.ts';

/** Big-endian without leading zeros; 0 is empty. */
export function toMagnitude(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const hex = value.toString(16);
  return fromHex(hex.length % 2 === 0 ? hex : `0${hex}`);
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
