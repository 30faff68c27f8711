/**
 * The name that a file has while it is written.
 *
 * Owns: that name beside the target, which an interrupted transfer is found by again.
 * Must not know: files.
 */
import { concatBytes, utf8Encode } from '../../base/bytes.ts';

/** Longest name that file systems take. */
const longestName = 255;
const dot = utf8Encode('.');
const end = utf8Encode('.deadline-part');

/**
 * `.NAME.deadline-part`, hidden from listings. A name that leaves no room for that is cut.
 *
 * @param unique put in between where the usual name is taken
 */
export function partName(name: Uint8Array, unique: string = ''): Uint8Array {
  const middle = utf8Encode(unique === '' ? '' : `.${unique}`);
  const room = longestName - dot.length - middle.length - end.length;
  return concatBytes(dot, name.subarray(0, room), middle, end);
}
