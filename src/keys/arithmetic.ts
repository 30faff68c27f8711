/**
 * What key files need to know of curves.
 *
 * Owns: the seam between the formats and the arithmetic of elliptic curves.
 * Must not know: formats, who implements it (`nobleArithmetic.ts` does).
 *
 * Every parser proves that the private half of a key makes its public half, and
 * does so when the key is read, not when it first signs: a damaged file is then
 * reported as a damaged file, with its name at hand, before anything was dialled.
 * The price is one multiplication on the curve and the load of its code, some
 * 20 ms in TypeScript; an implementation on a faster library spares both.
 */
import type { CurveName } from '../crypto/provider/provider.ts';

/**
 * Public halves from private ones. Lengths are checked by the caller.
 *
 * Both functions throw `CurveMissingError` where the implementation lacks the curve.
 */
export interface KeyArithmetic {
  /** The 32 bytes of the public key of a 32-byte seed (RFC 8032 §5.1.5). */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /**
   * The uncompressed point of a scalar as long as the curve's order.
   *
   * @returns undefined for a scalar that is not from 1 to the order minus 1 (SEC 1 §3.2.1)
   */
  ecPublicKey(curve: CurveName, scalar: Uint8Array): Uint8Array | undefined;
}

/** An implementation on a library of the runtime lacks a curve: another implementation has to serve. */
export class CurveMissingError extends Error {
  override readonly name: string = 'CurveMissingError';
}
