/**
 * The system's randomness.
 *
 * Owns: a small stock of random bytes, because a call into the system's
 * generator costs as much for 16 bytes as for 4,096 and every packet asks for a few.
 * Must not know: what they are for.
 */
import { randomFillSync } from 'node:crypto';

const stockLength = 4096;
/** Longer requests are drawn on their own. */
const longestFromStock = 256;

const stock = new Uint8Array(stockLength);
let position = stockLength;

/**
 * Random bytes from the operating system's generator, owned by the caller. What
 * was handed out is erased from the stock.
 *
 * @param length bytes wanted
 */
export function systemRandomBytes(length: number): Uint8Array {
  if (length > longestFromStock) return randomFillSync(new Uint8Array(length));
  if (position + length > stockLength) {
    randomFillSync(stock);
    position = 0;
  }
  const end = position + length;
  const bytes = stock.slice(position, end);
  stock.fill(0, position, end);
  position = end;
  return bytes;
}

/** A number from 0 to 1, of the same origin. */
export function systemChance(): number {
  const [a = 0, b = 0, c = 0, d = 0] = systemRandomBytes(4);
  return (((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32;
}
