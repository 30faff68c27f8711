/**
 * Memory that holds one thing and nothing else.
 *
 * Owns: which memory that is. The maker of such memory marks it. Code that divides what
 * lies in it takes the mark away. Code that has used up a marked thing may give its memory
 * back at once, where the platform can do that. The collector would hear of it late: it
 * counts memory outside of its heap as a reason to look through all of the heap.
 * Must not know: how memory is given back.
 */

const sole = new WeakSet<ArrayBufferLike>();

/** Bytes from which on a mark is worth its while. */
const leastMarked = 8 * 1024;

/** Nothing but these bytes lies in their memory, and nobody else holds it. */
export function markSole(bytes: Uint8Array): void {
  if (bytes.length >= leastMarked) sole.add(bytes.buffer);
}

/** What lies in this memory goes two ways. */
export function unmarkSole(bytes: Uint8Array): void {
  sole.delete(bytes.buffer);
}

/** Whether the holder of these bytes is the only one to hold their memory. */
export function isSole(bytes: Uint8Array): boolean {
  return sole.has(bytes.buffer);
}
