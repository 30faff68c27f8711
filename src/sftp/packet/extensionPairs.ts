/**
 * What INIT and VERSION say beyond the version.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §4: pairs of a name and data, up to the end
 * of the packet, and the bound on their number.
 * Must not know: what a name means (`extensions.ts`).
 */
import { type Codec, string, struct, text } from '../../wire/codec.ts';
import { decodeError } from '../../wire/reader.ts';

/** One pair. */
export interface Extension {
  readonly name: string;
  /** For the extensions of OpenSSH a version in decimal digits. */
  readonly data: Uint8Array;
}

/** More than any server announces. */
const mostExtensions = 256;

const pair = struct<Extension>({ name: text, data: string });

export const extensionList: Codec<readonly Extension[]> = {
  decode: (reader) => {
    const pairs: Extension[] = [];
    while (reader.remaining > 0) {
      if (pairs.length === mostExtensions) throw decodeError(`more than ${mostExtensions} extensions`);
      pairs.push(pair.decode(reader));
    }
    return pairs;
  },
  encode: (writer, pairs) => {
    for (const value of pairs) pair.encode(writer, value);
  },
};
