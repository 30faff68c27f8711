/**
 * The helpers that every check of an option uses.
 *
 * Owns: text and bytes as one.
 * Must not know: any option.
 */
import { utf8Encode } from '../../base/bytes.ts';

export { optionsError } from '../../base/optionChecks.ts';

/** The bytes of a text or of bytes. */
export function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? utf8Encode(value) : value;
}
