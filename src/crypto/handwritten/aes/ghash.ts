/**
 * GHASH, the universal hash of AES-GCM, under a key that hashes many packets.
 *
 * Owns: multiplication by the hash key H, with tables that stay from packet to
 * packet. @noble/ciphers builds tables anew for every message, which costs more
 * than hashing a small packet.
 * Must not know: AES, packets in a queue.
 * Source: NIST SP 800-38D §6.3, §6.4.
 *
 * Blocks are four words, most significant byte first; bit 31 of the first is the
 * coefficient of x^0, so that multiplying by x is a shift to the right.
 *
 * A multiplication goes word by word, the last first: 4 lookups give
 * word · H, and the sum so far moves on by x^32, its last word folded back by
 * x^128 = x^7 + x^2 + x + 1. The tables of the key at work are four arrays that are
 * constants of this module, and every index is masked to their length: the engine
 * then needs neither their address nor their bounds, which is worth half of the
 * time. Lookups depend on secrets; see SECURITY.md on cache timing.
 */

/**
 * Keys whose tables are kept. The one unused longest gives its place up and builds
 * anew when it is used again, which costs as much as hashing some 150 blocks; one
 * that was kept comes back for the price of 40.
 */
const places = 64;
/** 4 byte positions of a word × 256 values. */
const entries = 1024;

/** Words 0, 1, 2, 3 of every entry of the key at work. */
const table0: Int32Array = new Int32Array(entries);
const table1: Int32Array = new Int32Array(entries);
const table2: Int32Array = new Int32Array(entries);
const table3: Int32Array = new Int32Array(entries);
/** Whose they are. */
let atWork = 0;

/** The four tables of each place, one behind the other; untouched pages cost nothing. */
const kept: Int32Array = new Int32Array(places * 4 * entries);
/** Who has each place, and when it last came to work, in turns of any. */
const owners: Float64Array = new Float64Array(places);
const lastTurns: Float64Array = new Float64Array(places);
let turns = 0;
let keysMade = 0;

/** All keys leave their results here: nobody keeps one until the next. */
const lastResult: Int32Array = new Int32Array(4);
const noKeystream: DataView = new DataView(new ArrayBuffer(0));

/** A hash key, and where the last result of any key is. */
export class GhashKey {
  /** Words of the last result, as signed integers. */
  readonly result: Int32Array = lastResult;
  private readonly h0: number;
  private readonly h1: number;
  private readonly h2: number;
  private readonly h3: number;
  private readonly id = ++keysMade;
  private place = 0;

  /** `h` starts at `offset` of the view: AES of the zero block. */
  constructor(view: DataView, offset: number) {
    this.h0 = view.getInt32(offset);
    this.h1 = view.getInt32(offset + 4);
    this.h2 = view.getInt32(offset + 8);
    this.h3 = view.getInt32(offset + 12);
  }

  /**
   * Hashes a packet: its 4-byte length field at `offset` is the additional data,
   * the `length` bytes behind it (whole blocks) are the ciphertext.
   */
  hashPacket(view: DataView, offset: number, length: number): void {
    if (atWork !== this.id) this.goToWork();
    hashInto(this.result, view, offset, length, false, noKeystream, 0);
  }

  /** The same, of bytes that become ciphertext on the way: `keystream[keystreamAt…]` is added to them. */
  addKeystreamAndHash(
    view: DataView,
    offset: number,
    length: number,
    keystream: DataView,
    keystreamAt: number,
  ): void {
    if (atWork !== this.id) this.goToWork();
    hashInto(this.result, view, offset, length, true, keystream, keystreamAt);
  }

  /** Hashes what stands for so many bytes of additional data at the end of a message, and nothing before it. */
  hashLength(bytes: number): void {
    if (atWork !== this.id) this.goToWork();
    hashSecondWord(this.result, bytes << 3);
  }

  private goToWork(): void {
    if (owners[this.place] === this.id) {
      bringTables(this.place);
    } else {
      this.place = oldestPlace();
      owners[this.place] = this.id;
      buildTables(this.h0, this.h1, this.h2, this.h3);
      keepTables(this.place);
    }
    lastTurns[this.place] = ++turns;
    atWork = this.id;
  }
}

function oldestPlace(): number {
  let oldest = 0;
  for (let i = 1; i < places; i++) {
    if ((lastTurns[i] as number) < (lastTurns[oldest] as number)) oldest = i;
  }
  return oldest;
}

function bringTables(place: number): void {
  const start = 4 * entries * place;
  table0.set(kept.subarray(start, start + entries));
  table1.set(kept.subarray(start + entries, start + 2 * entries));
  table2.set(kept.subarray(start + 2 * entries, start + 3 * entries));
  table3.set(kept.subarray(start + 3 * entries, start + 4 * entries));
}

function keepTables(place: number): void {
  const start = 4 * entries * place;
  kept.set(table0, start);
  kept.set(table1, start + entries);
  kept.set(table2, start + 2 * entries);
  kept.set(table3, start + 3 * entries);
}

/** Entry 256·p + b is b · x^(8p) · H. */
function buildTables(...h: readonly [number, number, number, number]): void {
  let [h0, h1, h2, h3] = h;
  for (let start = 0; start < entries; start += 256) {
    for (let bit = 128; bit > 0; bit >>= 1) {
      table0[start + bit] = h0;
      table1[start + bit] = h1;
      table2[start + bit] = h2;
      table3[start + bit] = h3;
      const carry = -(h3 & 1) & 0xe1000000;
      h3 = (h2 << 31) | (h3 >>> 1);
      h2 = (h1 << 31) | (h2 >>> 1);
      h1 = (h0 << 31) | (h1 >>> 1);
      h0 = (h0 >>> 1) ^ carry;
    }
    for (let top = 2; top < 256; top <<= 1) {
      for (let rest = 1; rest < top; rest++) addEntries(start + top + rest, start + top, start + rest);
    }
  }
}

function addEntries(target: number, a: number, b: number): void {
  table0[target] = (table0[a] as number) ^ (table0[b] as number);
  table1[target] = (table1[a] as number) ^ (table1[b] as number);
  table2[target] = (table2[a] as number) ^ (table2[b] as number);
  table3[target] = (table3[a] as number) ^ (table3[b] as number);
}

/** The whole hash in one function: a call for each block would cost as much as the block. */
function hashInto(
  result: Int32Array,
  view: DataView,
  offset: number,
  length: number,
  encrypts: boolean,
  keystream: DataView,
  keystreamAt: number,
): void {
  // The additional data is one word, padded with zeros: one round of four lookups.
  let i = (length >>> 24) & 255;
  let j = ((length >>> 16) & 255) | 256;
  let k = ((length >>> 8) & 255) | 512;
  let l = (length & 255) | 768;
  let y0 = at0(i) ^ at0(j) ^ at0(k) ^ at0(l);
  let y1 = at1(i) ^ at1(j) ^ at1(k) ^ at1(l);
  let y2 = at2(i) ^ at2(j) ^ at2(k) ^ at2(l);
  let y3 = at3(i) ^ at3(j) ^ at3(k) ^ at3(l);
  const end = offset + 4 + length;
  const shift = keystreamAt - offset - 4;
  for (let at = offset + 4; at <= end; at += 16) {
    let a: number;
    let b: number;
    let c: number;
    let d: number;
    if (at < end) {
      a = view.getInt32(at);
      b = view.getInt32(at + 4);
      c = view.getInt32(at + 8);
      d = view.getInt32(at + 12);
      if (encrypts) {
        a ^= keystream.getInt32(at + shift);
        b ^= keystream.getInt32(at + shift + 4);
        c ^= keystream.getInt32(at + shift + 8);
        d ^= keystream.getInt32(at + shift + 12);
        view.setInt32(at, a);
        view.setInt32(at + 4, b);
        view.setInt32(at + 8, c);
        view.setInt32(at + 12, d);
      }
      a ^= y0;
      b ^= y1;
      c ^= y2;
      d ^= y3;
    } else {
      // The lengths in bits: 32 of additional data, then those of the ciphertext.
      a = y0;
      b = y1 ^ 32;
      c = y2;
      d = y3 ^ (length << 3);
    }
    i = (d >>> 24) & 255;
    j = ((d >>> 16) & 255) | 256;
    k = ((d >>> 8) & 255) | 512;
    l = (d & 255) | 768;
    y0 = at0(i) ^ at0(j) ^ at0(k) ^ at0(l);
    y1 = at1(i) ^ at1(j) ^ at1(k) ^ at1(l);
    y2 = at2(i) ^ at2(j) ^ at2(k) ^ at2(l);
    let out = at3(i) ^ at3(j) ^ at3(k) ^ at3(l);
    i = (c >>> 24) & 255;
    j = ((c >>> 16) & 255) | 256;
    k = ((c >>> 8) & 255) | 512;
    l = (c & 255) | 768;
    y3 = y2 ^ at3(i) ^ at3(j) ^ at3(k) ^ at3(l);
    y2 = y1 ^ at2(i) ^ at2(j) ^ at2(k) ^ at2(l);
    y1 = y0 ^ at1(i) ^ at1(j) ^ at1(k) ^ at1(l) ^ (out << 31) ^ (out << 30) ^ (out << 25);
    y0 = at0(i) ^ at0(j) ^ at0(k) ^ at0(l) ^ out ^ (out >>> 1) ^ (out >>> 2) ^ (out >>> 7);
    out = y3;
    i = (b >>> 24) & 255;
    j = ((b >>> 16) & 255) | 256;
    k = ((b >>> 8) & 255) | 512;
    l = (b & 255) | 768;
    y3 = y2 ^ at3(i) ^ at3(j) ^ at3(k) ^ at3(l);
    y2 = y1 ^ at2(i) ^ at2(j) ^ at2(k) ^ at2(l);
    y1 = y0 ^ at1(i) ^ at1(j) ^ at1(k) ^ at1(l) ^ (out << 31) ^ (out << 30) ^ (out << 25);
    y0 = at0(i) ^ at0(j) ^ at0(k) ^ at0(l) ^ out ^ (out >>> 1) ^ (out >>> 2) ^ (out >>> 7);
    out = y3;
    i = (a >>> 24) & 255;
    j = ((a >>> 16) & 255) | 256;
    k = ((a >>> 8) & 255) | 512;
    l = (a & 255) | 768;
    y3 = y2 ^ at3(i) ^ at3(j) ^ at3(k) ^ at3(l);
    y2 = y1 ^ at2(i) ^ at2(j) ^ at2(k) ^ at2(l);
    y1 = y0 ^ at1(i) ^ at1(j) ^ at1(k) ^ at1(l) ^ (out << 31) ^ (out << 30) ^ (out << 25);
    y0 = at0(i) ^ at0(j) ^ at0(k) ^ at0(l) ^ out ^ (out >>> 1) ^ (out >>> 2) ^ (out >>> 7);
  }
  result[0] = y0;
  result[1] = y1;
  result[2] = y2;
  result[3] = y3;
}

/** The block (0, word, 0, 0) times H. */
function hashSecondWord(result: Int32Array, word: number): void {
  const i = (word >>> 24) & 255;
  const j = ((word >>> 16) & 255) | 256;
  const k = ((word >>> 8) & 255) | 512;
  const l = (word & 255) | 768;
  const out = at3(i) ^ at3(j) ^ at3(k) ^ at3(l);
  result[0] = out ^ (out >>> 1) ^ (out >>> 2) ^ (out >>> 7);
  result[1] = at0(i) ^ at0(j) ^ at0(k) ^ at0(l) ^ (out << 31) ^ (out << 30) ^ (out << 25);
  result[2] = at1(i) ^ at1(j) ^ at1(k) ^ at1(l);
  result[3] = at2(i) ^ at2(j) ^ at2(k) ^ at2(l);
}

function at0(index: number): number {
  return table0[index] as number;
}

function at1(index: number): number {
  return table1[index] as number;
}

function at2(index: number): number {
  return table2[index] as number;
}

function at3(index: number): number {
  return table3[index] as number;
}
