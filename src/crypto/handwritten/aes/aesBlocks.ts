/**
 * AES on many blocks under one key, for the counter modes.
 *
 * Owns: the key schedule, encryption of a run of blocks in place. @noble/ciphers
 * offers one block a call, and loading it makes tables that cost more than all else
 * that loading a client does.
 * Must not know: modes of operation, packets.
 * Source: FIPS 197. Table lookups depend on secrets; see SECURITY.md on cache timing.
 */
/** S-box, and MixColumns of it for each of the four rows, as little-endian words. Made with the first key. */
const sbox: Uint8Array = new Uint8Array(256);
const row0: Int32Array = new Int32Array(256);
const row1: Int32Array = new Int32Array(256);
const row2: Int32Array = new Int32Array(256);
const row3: Int32Array = new Int32Array(256);

/** An expanded key of 128, 192 or 256 bits (FIPS 197 §5.2), words little-endian. */
export function expandAesKey(key: Uint8Array): Int32Array {
  if (sbox[0] === 0) makeTables();
  const keyWords = key.length / 4;
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const words = new Int32Array(4 * (keyWords + 7));
  for (let i = 0; i < keyWords; i++) words[i] = view.getInt32(4 * i, true);
  let roundConstant = 1;
  for (let i = keyWords; i < words.length; i++) {
    let word = words[i - 1] as number;
    if (i % keyWords === 0) {
      // RotWord, then SubWord: the lowest byte is the first.
      word = substituted((word >>> 8) | (word << 24)) ^ roundConstant;
      roundConstant = double(roundConstant);
    } else if (keyWords > 6 && i % keyWords === 4) {
      word = substituted(word);
    }
    words[i] = (words[i - keyWords] as number) ^ word;
  }
  return words;
}

/** Encrypts `count` blocks at the start of `blocks` in place. */
export function encryptBlocks(expandedKey: Int32Array, blocks: DataView, count: number): void {
  const last = expandedKey.length - 4;
  const key0 = expandedKey[0] as number;
  const key1 = expandedKey[1] as number;
  const key2 = expandedKey[2] as number;
  const key3 = expandedKey[3] as number;
  for (let at = 0; at < 16 * count; at += 16) {
    let a = blocks.getInt32(at, true) ^ key0;
    let b = blocks.getInt32(at + 4, true) ^ key1;
    let c = blocks.getInt32(at + 8, true) ^ key2;
    let d = blocks.getInt32(at + 12, true) ^ key3;
    for (let k = 4; k < last; k += 4) {
      const w = column(a, b, c, d) ^ (expandedKey[k] as number);
      const x = column(b, c, d, a) ^ (expandedKey[k + 1] as number);
      const y = column(c, d, a, b) ^ (expandedKey[k + 2] as number);
      d = column(d, a, b, c) ^ (expandedKey[k + 3] as number);
      a = w;
      b = x;
      c = y;
    }
    blocks.setInt32(at, lastColumn(a, b, c, d) ^ (expandedKey[last] as number), true);
    blocks.setInt32(at + 4, lastColumn(b, c, d, a) ^ (expandedKey[last + 1] as number), true);
    blocks.setInt32(at + 8, lastColumn(c, d, a, b) ^ (expandedKey[last + 2] as number), true);
    blocks.setInt32(at + 12, lastColumn(d, a, b, c) ^ (expandedKey[last + 3] as number), true);
  }
}

/** SubBytes of each byte of a word. */
function substituted(word: number): number {
  return lastColumn(word, word, word, word);
}

/** SubBytes, ShiftRows and MixColumns for one column. */
function column(a: number, b: number, c: number, d: number): number {
  return (
    (row0[a & 255] as number) ^
    (row1[(b >>> 8) & 255] as number) ^
    (row2[(c >>> 16) & 255] as number) ^
    (row3[d >>> 24] as number)
  );
}

/** SubBytes and ShiftRows for one column of the last round. */
function lastColumn(a: number, b: number, c: number, d: number): number {
  return (
    (sbox[a & 255] as number) |
    ((sbox[(b >>> 8) & 255] as number) << 8) |
    ((sbox[(c >>> 16) & 255] as number) << 16) |
    ((sbox[d >>> 24] as number) << 24)
  );
}

/** Multiplication by x in the field of FIPS 197 §4.3. */
function double(value: number): number {
  return ((value << 1) ^ (-(value >> 7) & 0x11b)) & 255;
}

/** FIPS 197 §5.1.1 and §5.1.3: the inverse in the field, the affine transformation, and the columns they make. */
function makeTables(): void {
  // 3 generates the field's group, so 3^i and 3^(255-i) are inverse to each other.
  const powers: number[] = [];
  for (let i = 0, power = 1; i < 256; i++, power ^= double(power)) powers.push(power);
  sbox[0] = 0x63;
  for (let i = 0; i < 255; i++) {
    const inverse = powers[255 - i] as number;
    const wide = inverse | (inverse << 8);
    sbox[powers[i] as number] = wide ^ (wide >> 4) ^ (wide >> 5) ^ (wide >> 6) ^ (wide >> 7) ^ 0x63;
  }
  for (let i = 0; i < 256; i++) {
    const s = sbox[i] as number;
    const twice = double(s);
    const word = ((twice ^ s) << 24) | (s << 16) | (s << 8) | twice;
    row0[i] = word;
    row1[i] = (word << 8) | (word >>> 24);
    row2[i] = (word << 16) | (word >>> 16);
    row3[i] = (word << 24) | (word >>> 8);
  }
}
