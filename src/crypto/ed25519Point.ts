/**
 * Which 32 bytes are taken as a point of Ed25519: a public key, or R of a signature.
 *
 * Owns: the refusal of non-canonical encodings and of points of small order.
 * Implementations and their versions disagree over both (Node 24 refuses an R
 * that Node 20 takes); no honest signer makes either, and under a key of small
 * order one signature can hold for many messages.
 * Must not know: curve arithmetic.
 * Source: RFC 8032 §5.1.3, §5.1.7.
 */
import { copyOf, equalBytes, fromHex } from '../base/bytes.ts';

/** Little-endian y-coordinates, sign bit cleared, of the points whose order divides 8. */
const smallOrder: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(fromHex);

/** Whether the bytes have the form of such a point: canonical, not of small order. Being on the curve is not looked at. */
export function isUsableEd25519Point(point: Uint8Array): boolean {
  if (point.length !== 32) return false;
  const y = copyOf(point);
  y[31] = (y[31] as number) & 0x7f;
  return isReduced(y) && !smallOrder.some((weak) => equalBytes(weak, y));
}

/** y < 2^255 - 19. */
function isReduced(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] as number) < 0xed) return true;
  for (let i = 1; i < 31; i++) if (y[i] !== 0xff) return true;
  return false;
}
