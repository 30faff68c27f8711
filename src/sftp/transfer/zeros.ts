/**
 * Blocks of zeros.
 *
 * Owns: telling them.
 * Must not know: files.
 */

/** A file system makes holes of whole blocks; a shorter one is written. */
const leastHole = 4096;

/** Whether the bytes are zeros, and enough of them to be left out. */
export function isZero(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (length < leastHole || bytes[0] !== 0 || bytes[length - 1] !== 0) return false;
  // Words at a time, where the memory allows it.
  const start = bytes.byteOffset % 8 === 0 ? 0 : 8 - (bytes.byteOffset % 8);
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset + start, Math.floor((length - start) / 8));
  if (words.some((word) => word !== 0n)) return false;
  for (let i = 0; i < start; i++) if (bytes[i] !== 0) return false;
  for (let i = start + 8 * words.length; i < length; i++) if (bytes[i] !== 0) return false;
  return true;
}
