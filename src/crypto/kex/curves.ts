/**
 * The NIST curves of RFC 5656 as rows of numbers.
 *
 * Owns: sizes, orders, hashes; the form of points and of signatures r ‖ s; the draw of scalars.
 * Must not know: point arithmetic.
 * Sources: SP 800-186 §3.2.1, RFC 5656 §3.1, §6.2.1.
 */
import type { CurveName, HashName } from '../provider/provider.ts';
import { type RandomBytes, randomBelow } from '../provider/random.ts';

export interface CurveRow {
  /** Bytes of a coordinate, of the order and of a scalar alike. */
  readonly length: number;
  readonly order: bigint;
  readonly orderBits: number;
  /** The hash that ECDSA and ECDH use over this curve (RFC 5656 §6.2.1). */
  readonly hash: HashName;
}

export const curves: { readonly [C in CurveName]: CurveRow } = {
  nistp256: {
    length: 32,
    order: 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n,
    orderBits: 256,
    hash: 'sha256',
  },
  nistp384: {
    length: 48,
    order:
      0xffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_c7634d81_f4372ddf_581a0db2_48b0a77a_ecec196a_ccc52973n,
    orderBits: 384,
    hash: 'sha384',
  },
  nistp521: {
    length: 66,
    order:
      0x1ff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_fffffffa_51868783_bf2f966b_7fcc0148_f709a5d0_3bb5c9b8_899c47ae_bb6fb71e_91386409n,
    orderBits: 521,
    hash: 'sha512',
  },
};

/** Whether the bytes have the form of an uncompressed point; infinity and compressed points have not (RFC 5656 §3.1). */
export function isUncompressedPoint(curve: CurveName, point: Uint8Array): boolean {
  return point.length === 1 + 2 * curves[curve].length && point[0] === 4;
}

/** A secret scalar, 1 … n-1. */
export function drawScalar(curve: CurveName, randomBytes: RandomBytes): Uint8Array {
  return randomBelow(curves[curve].order, curves[curve].orderBits, randomBytes);
}
