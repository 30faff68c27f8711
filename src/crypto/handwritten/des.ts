/**
 * Triple DES in CBC mode, for old key files and old servers.
 *
 * Owns: FIPS 46-3 (DES, EDE with three keys) and CBC over whole blocks. Small
 * rather than fast: a key file has a few hundred blocks, and a connection on it
 * has to be asked for by name.
 * Must not know: key files, packets.
 */

// Tables of FIPS 46-3; they number bits from 1, the most significant first.

/** S1 to S8: four rows of 16 entries, one hexadecimal digit each. */
const sBoxes: readonly string[] = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
];

const permutation: readonly number[] = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22,
  11, 4, 25,
];

const permutedChoice1: readonly number[] = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];

const permutedChoice2: readonly number[] = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47,
  55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

const keyShifts: readonly number[] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

const initialPermutation: readonly number[] = [58, 60, 62, 64, 57, 59, 61, 63].flatMap((first) =>
  Array.from({ length: 8 }, (_, i) => first - 8 * i),
);

const finalPermutation: readonly number[] = initialPermutation
  .map((from, to) => [from, to + 1] as const)
  .sort((a, b) => a[0] - b[0])
  .map(([, to]) => to);

/** Each S-box followed by the permutation P: 8 × 64 words, made at first use. */
let combinedBoxes: Int32Array | undefined;

/** Triple DES of one block of 8 bytes after the other, in place, under one key. */
export class TripleDes {
  private readonly forth: readonly Schedule[];
  private readonly back: readonly Schedule[];

  /** @param key 24 bytes, one DES key after the other; parity bits are ignored */
  constructor(key: Uint8Array) {
    this.forth = encryptionPasses(key);
    this.back = decryptionPasses(key);
  }

  encryptBlock(block: Uint8Array): void {
    putWords(block, 0, ...runPasses(this.forth, ...words(block, 0)));
  }

  decryptBlock(block: Uint8Array): void {
    putWords(block, 0, ...runPasses(this.back, ...words(block, 0)));
  }
}

/**
 * @param key 24 bytes, one DES key after the other; parity bits are ignored
 * @param text a multiple of 8 bytes
 */
export function tripleDesCbcEncrypt(key: Uint8Array, iv: Uint8Array, text: Uint8Array): Uint8Array {
  const passes = encryptionPasses(key);
  const out = new Uint8Array(text.length);
  let [left, right] = words(iv, 0);
  for (let at = 0; at < text.length; at += 8) {
    const [nextLeft, nextRight] = words(text, at);
    [left, right] = runPasses(passes, left ^ nextLeft, right ^ nextRight);
    putWords(out, at, left, right);
  }
  return out;
}

/** The inverse of `tripleDesCbcEncrypt`. */
export function tripleDesCbcDecrypt(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  const passes = decryptionPasses(key);
  const out = new Uint8Array(sealed.length);
  let [previousLeft, previousRight] = words(iv, 0);
  for (let at = 0; at < sealed.length; at += 8) {
    const [sealedLeft, sealedRight] = words(sealed, at);
    const [left, right] = runPasses(passes, sealedLeft, sealedRight);
    putWords(out, at, left ^ previousLeft, right ^ previousRight);
    [previousLeft, previousRight] = [sealedLeft, sealedRight];
  }
  return out;
}

/** 16 round keys of eight groups of six bits, one for each S-box. */
type Schedule = readonly Uint8Array[];

/** Encrypt, decrypt, encrypt: decryption is encryption with the round keys in reverse. */
function encryptionPasses(key: Uint8Array): Schedule[] {
  const [first, second, third] = [0, 8, 16].map((at) => keySchedule(key.subarray(at, at + 8)));
  return [first as Schedule, [...(second as Schedule)].reverse(), third as Schedule];
}

function decryptionPasses(key: Uint8Array): Schedule[] {
  return encryptionPasses(key)
    .reverse()
    .map((schedule) => [...schedule].reverse());
}

function keySchedule(key: Uint8Array): Schedule {
  let bits = permutedChoice1.map((from) => bitOf(key, from));
  return keyShifts.map((shift) => {
    const left = bits.slice(0, 28);
    const right = bits.slice(28);
    bits = [...left.slice(shift), ...left.slice(0, shift), ...right.slice(shift), ...right.slice(0, shift)];
    const groups = new Uint8Array(8);
    permutedChoice2.forEach((from, to) => {
      const group = Math.floor(to / 6);
      groups[group] = ((groups[group] as number) << 1) | (bits[from - 1] as number);
    });
    return groups;
  });
}

function runPasses(passes: readonly Schedule[], leftIn: number, rightIn: number): [number, number] {
  let [left, right] = [leftIn, rightIn];
  for (const schedule of passes) [left, right] = desBlock(schedule, left, right);
  return [left, right];
}

function desBlock(schedule: Schedule, leftIn: number, rightIn: number): [number, number] {
  let [left, right] = permuteBlock(initialPermutation, leftIn, rightIn);
  for (const roundKey of schedule) [left, right] = [right, left ^ roundFunction(right, roundKey)];
  return permuteBlock(finalPermutation, right, left);
}

function roundFunction(half: number, roundKey: Uint8Array): number {
  combinedBoxes ??= combineBoxes();
  let out = 0;
  for (let box = 0; box < 8; box++) {
    // The expansion E: six bits from the one before the box's own four to the one behind them.
    const turn = (4 * box + 5) & 31;
    const six = ((half << turn) | (half >>> (32 - turn))) & 63;
    out ^= combinedBoxes[64 * box + (six ^ (roundKey[box] as number))] as number;
  }
  return out;
}

function combineBoxes(): Int32Array {
  const out = new Int32Array(8 * 64);
  sBoxes.forEach((digits, box) => {
    for (let six = 0; six < 64; six++) {
      const row = ((six >> 4) & 2) | (six & 1);
      const value = Number.parseInt(digits.charAt(16 * row + ((six >> 1) & 15)), 16) << (28 - 4 * box);
      let permuted = 0;
      for (const from of permutation) permuted = (permuted << 1) | ((value >>> (32 - from)) & 1);
      out[64 * box + six] = permuted;
    }
  });
  return out;
}

function permuteBlock(table: readonly number[], left: number, right: number): [number, number] {
  const halves: [number, number] = [0, 0];
  for (let to = 0; to < 64; to++) {
    const from = table[to] as number;
    const bit = from <= 32 ? left >>> (32 - from) : right >>> (64 - from);
    const half = to < 32 ? 0 : 1;
    halves[half] = (halves[half] << 1) | (bit & 1);
  }
  return halves;
}

/** Bit `number` of bytes, counted from 1. */
function bitOf(bytes: Uint8Array, number: number): number {
  return ((bytes[(number - 1) >> 3] as number) >> ((8 - number) & 7)) & 1;
}

function words(bytes: Uint8Array, at: number): [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  return [view.getInt32(0), view.getInt32(4)];
}

function putWords(bytes: Uint8Array, at: number, left: number, right: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  view.setInt32(0, left);
  view.setInt32(4, right);
}
