/**
 * Options that are text or bytes.
 *
 * Owns: both as bytes.
 * Must not know: any option.
 */
import { utf8Encode } from '../../base/bytes.ts';

/** The bytes of a text or of bytes. */
export function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? utf8Encode(value) : value;
}
