/**
 * HMAC-SHA-256 of packets in TypeScript.
 *
 * Owns: the states of both hashes after the padded key, kept from packet to packet,
 * and the compression function. @noble/hashes feeds messages through an object and
 * a buffer, which for the three blocks of a small packet costs twice as much as they do.
 * Must not know: ciphers, where the tag goes.
 * Sources: FIPS 180-4 §6.2, RFC 2104, RFC 6668, RFC 4253 §6.4.
 */
import { LastView, writeUint32 } from '../provider/packetFields.ts';

const blockLength = 64;
const wordsInBlock = 16;
const rounds = 64;

/** FIPS 180-4 §5.3.3 and §4.2.2: the first 32 bits of the fractions of roots of the first primes. */
const primes: readonly number[] = firstPrimes(rounds);
const initial: Int32Array = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const constants: Int32Array = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));

/** The message schedule; its first sixteen words are the block. */
const schedule: Int32Array = new Int32Array(rounds);

export class Sha256PacketMac {
  private readonly innerKeyed: Int32Array;
  private readonly outerKeyed: Int32Array;
  private readonly views: LastView = new LastView();
  private readonly state: Int32Array = new Int32Array(8);
  private readonly tag: Uint8Array = new Uint8Array(32);

  /** @param key 32 bytes (RFC 6668 §2) */
  constructor(key: Uint8Array) {
    this.innerKeyed = keyedState(key, 0x36);
    this.outerKeyed = keyedState(key, 0x5c);
  }

  /** The tag of a sequence number and `buffer[start…end)`, whole words; valid until the next call. */
  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    const { state } = this;
    const view = this.views.of(buffer);
    state.set(this.innerKeyed);
    schedule[0] = sequenceNumber;
    let filled = 1;
    for (let at = start; at < end; at += 4) {
      schedule[filled++] = view.getInt32(at);
      if (filled < wordsInBlock) continue;
      compress(state);
      filled = 0;
    }
    pad(state, filled, blockLength + 4 + end - start);
    return this.finish(state);
  }

  /** The tag, where the inner hash was computed elsewhere: 32 characters, one for each byte. */
  computeOuter(innerHash: string): Uint8Array {
    for (let i = 0; i < 8; i++) {
      this.state[i] =
        (innerHash.charCodeAt(4 * i) << 24) |
        (innerHash.charCodeAt(4 * i + 1) << 16) |
        (innerHash.charCodeAt(4 * i + 2) << 8) |
        innerHash.charCodeAt(4 * i + 3);
    }
    return this.finish(this.state);
  }

  private finish(innerState: Int32Array): Uint8Array {
    schedule.set(innerState);
    const { state, tag } = this;
    state.set(this.outerKeyed);
    pad(state, 8, blockLength + 32);
    for (let i = 0; i < 8; i++) writeUint32(tag, 4 * i, state[i] as number);
    return tag;
  }
}

/** The state after the key, padded with zeros and XORed with `pad` (RFC 2104 §2). */
function keyedState(key: Uint8Array, pad: number): Int32Array {
  const block = new Uint8Array(blockLength).fill(pad);
  for (let i = 0; i < key.length; i++) block[i] = pad ^ (key[i] as number);
  const view = new DataView(block.buffer);
  for (let i = 0; i < wordsInBlock; i++) schedule[i] = view.getInt32(4 * i);
  const state = initial.slice();
  compress(state);
  return state;
}

/** Ends a message of that many bytes; `filled` words of it lie in the schedule (FIPS 180-4 §5.1.1). */
function pad(state: Int32Array, filled: number, length: number): void {
  schedule[filled] = 0x80000000;
  schedule.fill(0, filled + 1, wordsInBlock);
  if (filled >= wordsInBlock - 2) {
    compress(state);
    schedule.fill(0, 0, wordsInBlock);
  }
  schedule[wordsInBlock - 2] = length / 0x20000000;
  schedule[wordsInBlock - 1] = length << 3;
  compress(state);
}

/** Takes in the block at the start of the schedule (FIPS 180-4 §6.2.2). */
function compress(state: Int32Array): void {
  for (let i = wordsInBlock; i < rounds; i++) {
    const x = schedule[i - 15] as number;
    const y = schedule[i - 2] as number;
    schedule[i] =
      ((schedule[i - 16] as number) +
        (schedule[i - 7] as number) +
        (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
        (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) |
      0;
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let i = 0; i < rounds; i++) {
    const t1 =
      (h +
        (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) +
        (g ^ (e & (f ^ g))) +
        (constants[i] as number) +
        (schedule[i] as number)) |
      0;
    const t2 =
      ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) +
        ((a & b) | (c & (a | b)))) |
      0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}

function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32);
}

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate);
  }
  return found;
}
