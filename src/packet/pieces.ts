/**
 * The pieces in which a payload is compressed.
 *
 * Owns: their length, and by how much a payload may grow, which is asked of every
 * connection: apart from the code of compression, which hardly any connection loads.
 * Must not know: the format.
 */

/** Bytes that are compressed at once. */
export const pieceLength: number = 32 * 1024;

/** By how many bytes a payload of that many may grow at most: a header, and a few bytes for each piece that is stored. */
export function deflatedGrowth(length: number): number {
  return 16 + 8 * Math.ceil(length / pieceLength);
}
