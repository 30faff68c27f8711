/**
 * Which bytes are taken as a point of Ed25519 or Ed448: a public key, or R of a signature.
 *
 * Owns: the refusal of non-canonical encodings and of points of small order.
 * Implementations and their versions disagree over both (Node 24 refuses an R
 * that Node 20 takes); no honest signer makes either, and under a key of small
 * order one signature can hold for many messages.
 * Must not know: curve arithmetic.
 * Source: RFC 8032 §5.1.3, §5.1.7, §5.2.3, §5.2.7.
 */
import { copyOf, equalBytes, fromHex } from '../../base/bytes.ts';

/** Little-endian y-coordinates, sign bit cleared, of the points whose order divides 8. */
const smallOrder25519: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(fromHex);

/** Of the points whose order divides 4: y is 0, 1 or -1. */
const smallOrder448: readonly Uint8Array[] = [
  '00'.repeat(57),
  `01${'00'.repeat(56)}`,
  `fe${'ff'.repeat(27)}fe${'ff'.repeat(27)}00`,
].map(fromHex);

/** Whether the bytes have the form of a point of Ed25519: canonical, not of small order. Being on the curve is not looked at. */
export function isUsableEd25519Point(point: Uint8Array): boolean {
  if (point.length !== 32) return false;
  const y = copyOf(point);
  y[31] = (y[31] as number) & 0x7f;
  return isBelow25519(y) && !smallOrder25519.some((weak) => equalBytes(weak, y));
}

/** The same for Ed448, whose last byte has the sign and nothing else. */
export function isUsableEd448Point(point: Uint8Array): boolean {
  if (point.length !== 57 || ((point[56] as number) & 0x7f) !== 0) return false;
  const y = copyOf(point);
  y[56] = 0;
  return isBelow448(y) && !smallOrder448.some((weak) => equalBytes(weak, y));
}

/** y < 2^255 - 19. */
function isBelow25519(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] as number) < 0xed) return true;
  for (let i = 1; i < 31; i++) if (y[i] !== 0xff) return true;
  return false;
}

/** y < 2^448 - 2^224 - 1: in the prime all bytes are ff but the one in the middle, which is fe. */
function isBelow448(y: Uint8Array): boolean {
  for (let i = 55; i >= 0; i--) {
    const byte = i === 28 ? 0xfe : 0xff;
    if (y[i] !== byte) return (y[i] as number) < byte;
  }
  return false;
}
