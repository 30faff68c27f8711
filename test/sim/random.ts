/**
 * Randomness that a seed replays.
 *
 * Owns: one small generator.
 * Must not know: what is drawn. Nothing of it is fit for secrets.
 */

/** Numbers from 0 up to 1, 1 excluded. */
export type Random = () => number;

/** A generator of 32 bits of state that walks by a constant and mixes. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Bytes of a generator. */
export function seededBytes(seed: number): (length: number) => Uint8Array {
  const random = seeded(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/** Bytes that follow from their position, to be compared at the other end. */
export function pattern(length: number, salt: number = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + salt * 17 + (index >> 8)) & 0xff);
}
