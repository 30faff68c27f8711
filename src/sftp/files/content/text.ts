/**
 * Bytes of a file as text, and text as bytes.
 *
 * Owns: the encodings that calls take.
 * Must not know: files.
 */
import { fromHex, latin1Decode, latin1Encode, toHex, utf8Encode } from '../../../base/bytes.ts';
import { optionsError } from '../../../base/optionChecks.ts';

export type Encoding = 'utf8' | 'utf-8' | 'latin1' | 'hex';

export const encodings: readonly Encoding[] = ['utf8', 'utf-8', 'latin1', 'hex'];

/** @throws SshError `ERR_SSH_OPTIONS` for an encoding that is none of these */
export function decodeText(bytes: Uint8Array, encoding: Encoding): string {
  switch (encoding) {
    case 'utf8':
    case 'utf-8':
      // As Node does it: a byte order mark stays.
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    case 'latin1':
      return latin1Decode(bytes);
    case 'hex':
      return toHex(bytes);
    default:
      throw optionsError(`encoding must be one of ${encodings.join(', ')}`);
  }
}

/** @throws SshError `ERR_SSH_OPTIONS` for a text that is not hex, where it should be */
export function encodeText(text: string, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'latin1':
      return latin1Encode(text);
    case 'hex':
      if (text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text)) return fromHex(text);
      throw optionsError('a text with the encoding hex must have two digits from 0 to f for each byte');
    default:
      return utf8Encode(text);
  }
}
