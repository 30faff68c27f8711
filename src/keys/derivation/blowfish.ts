/**
 * Blowfish, as far as bcrypt needs it.
 *
 * Owns: the state (P-array and S-boxes), its key schedules with and without
 * salt, the encryption of a block.
 * Must not know: bcrypt, passphrases.
 * Sources: B. Schneier, "Description of a New Variable-Length Key, 64-Bit Block
 * Cipher" (FSE 1993); N. Provos, D. Mazières, "A Future-Adaptable Password
 * Scheme" (USENIX 1999) §3 for the salted schedule.
 */

const pLength = 18;
const sLength = 4 * 256;

/** The fractional digits of pi in 32-bit words, which Blowfish starts from; made at first use (some 5 ms). */
let initialWords: Uint32Array | undefined;

/** Words of key or salt for the schedules: bytes big-endian, as many as come before they repeat. */
export function scheduleWords(bytes: Uint8Array): Int32Array {
  if (bytes.length === 0 || bytes.length % 4 !== 0) {
    throw new RangeError('Blowfish schedules take whole words here');
  }
  const words = new Int32Array(bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < words.length; i++) words[i] = view.getInt32(4 * i);
  return words;
}

/** One Blowfish state. */
export class Blowfish {
  private readonly p: Int32Array = new Int32Array(pLength);
  private readonly s: Int32Array = new Int32Array(sLength);
  private left = 0;
  private right = 0;

  constructor() {
    this.reset();
  }

  /** Back to the digits of pi. */
  reset(): void {
    initialWords ??= piWords(pLength + sLength);
    this.p.set(initialWords.subarray(0, pLength));
    this.s.set(initialWords.subarray(pLength));
  }

  /** The key schedule (ExpandKey with a salt of zeros). */
  expand(key: Int32Array): void {
    this.mixKey(key);
    this.fill(zeroSalt);
  }

  /** ExpandKey of Provos and Mazières: the salt is mixed in before each block. */
  expandSalted(salt: Int32Array, key: Int32Array): void {
    this.mixKey(key);
    this.fill(salt);
  }

  /** Encrypts the two words at `offset` in place. */
  encryptWords(words: Int32Array, offset: number): void {
    this.left = words[offset] as number;
    this.right = words[offset + 1] as number;
    this.encipher();
    words[offset] = this.left;
    words[offset + 1] = this.right;
  }

  /** Overwrites the state, which is as good as the key. */
  wipe(): void {
    this.p.fill(0);
    this.s.fill(0);
    this.left = 0;
    this.right = 0;
  }

  private mixKey(key: Int32Array): void {
    const { p } = this;
    for (let i = 0; i < pLength; i++) p[i] = (p[i] as number) ^ (key[i % key.length] as number);
  }

  private fill(salt: Int32Array): void {
    this.left = 0;
    this.right = 0;
    const next = this.fillTable(this.p, salt, 0);
    this.fillTable(this.s, salt, next);
  }

  private fillTable(table: Int32Array, salt: Int32Array, start: number): number {
    let at = start;
    for (let i = 0; i < table.length; i += 2) {
      this.left ^= salt[at] as number;
      this.right ^= salt[at + 1] as number;
      at += 2;
      if (at === salt.length) at = 0;
      this.encipher();
      table[i] = this.left;
      table[i + 1] = this.right;
    }
    return at;
  }

  // Two rounds a turn, so that the halves need no swapping. This is where bcrypt spends its time.
  private encipher(): void {
    const { p, s } = this;
    let left = this.left ^ (p[0] as number);
    let right = this.right;
    for (let i = 1; i < 17; i += 2) {
      right ^= roundFunction(s, left) ^ (p[i] as number);
      left ^= roundFunction(s, right) ^ (p[i + 1] as number);
    }
    this.left = right ^ (p[17] as number);
    this.right = left;
  }
}

function roundFunction(s: Int32Array, half: number): number {
  const sum = ((s[half >>> 24] as number) + (s[256 + ((half >>> 16) & 255)] as number)) | 0;
  return ((sum ^ (s[512 + ((half >>> 8) & 255)] as number)) + (s[768 + (half & 255)] as number)) | 0;
}

const zeroSalt = new Int32Array(2);

/** The first `count` 32-bit words of the fraction of pi. */
export function piWords(count: number): Uint32Array {
  const bits = 32 * count;
  const digits = piFraction(bits);
  const hex = digits.toString(16).padStart(bits / 4, '0');
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16);
  return words;
}

/**
 * floor((pi - 3) * 2^bits), by the series of D. and G. Chudnovsky summed with
 * binary splitting: 47 bits a term, a few milliseconds where arctangent series
 * take ten times as long.
 */
function piFraction(bits: number): bigint {
  const guard = 64;
  const precision = bits + guard;
  const [, q, t] = chudnovsky(0n, BigInt(Math.ceil(precision / 47) + 1));
  const pi = (426_880n * squareRoot(10_005n, precision) * q) / t;
  return (pi >> BigInt(guard)) & ((1n << BigInt(bits)) - 1n);
}

/** P, Q and T of the terms from `from` up to `to`. */
function chudnovsky(from: bigint, to: bigint): readonly [bigint, bigint, bigint] {
  if (to - from === 1n) return chudnovskyTerm(from);
  const middle = (from + to) >> 1n;
  const [p1, q1, t1] = chudnovsky(from, middle);
  const [p2, q2, t2] = chudnovsky(middle, to);
  return [p1 * p2, q1 * q2, t1 * q2 + p1 * t2];
}

function chudnovskyTerm(k: bigint): readonly [bigint, bigint, bigint] {
  const p = k === 0n ? 1n : (6n * k - 5n) * (2n * k - 1n) * (6n * k - 1n);
  const q = k === 0n ? 1n : (k * k * k * 640_320n ** 3n) / 24n;
  const t = p * (13_591_409n + 545_140_134n * k);
  return [p, q, k % 2n === 0n ? t : -t];
}

/** sqrt(value) * 2^precision, off by a few units: Newton's steps, each with twice the bits. */
function squareRoot(value: bigint, precision: number): bigint {
  let bits = 40;
  let root = BigInt(Math.floor(Math.sqrt(Number(value)) * 2 ** bits));
  while (bits < precision) {
    const next = Math.min(2 * bits - 8, precision);
    root <<= BigInt(next - bits);
    root = (root + (value << BigInt(2 * next)) / root) >> 1n;
    bits = next;
  }
  return root;
}
