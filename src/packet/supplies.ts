/**
 * What all sealers with one source of randomness share.
 *
 * Owns: a pool of random padding, one call of the source for many packets; the
 * page that nothing waits in.
 * Must not know: packets, how long padding has to be.
 * Source: RFC 4253 §6 (padding is random).
 *
 * Most connections idle: what each would keep for its next packet is kept once.
 * It goes by the source and not by the process, so that a conversation with a
 * source of its own runs the same again, whatever ran before it.
 */
import { emptyBytes } from '../base/bytes.ts';

/** Where random bytes come from. */
export interface RandomSource {
  randomBytes(length: number): Uint8Array;
}

/** The first draws are small, and later ones grow with what is sent. */
const firstPool = 256;
const largestPool = 2048;
const growth = 4;

const all = new WeakMap<RandomSource, SealerSupplies>();

export class SealerSupplies {
  /** `sparePage[spareFrom…)` is free for the next packet that is sealed. */
  sparePage: Uint8Array = emptyBytes;
  spareFrom = 0;
  private readonly source: RandomSource;
  private padding: Uint8Array = emptyBytes;
  private paddingUsed = 0;

  private constructor(source: RandomSource) {
    this.source = source;
  }

  static of(source: RandomSource): SealerSupplies {
    let supplies = all.get(source);
    if (supplies === undefined) {
      supplies = new SealerSupplies(source);
      all.set(source, supplies);
    }
    return supplies;
  }

  /** Writes `length` random bytes, 255 at most, that nobody else gets. */
  pad(target: Uint8Array, start: number, length: number): void {
    if (this.padding.length - this.paddingUsed < length) {
      const drawn = Math.min(largestPool, Math.max(firstPool, growth * this.padding.length));
      this.padding = this.source.randomBytes(drawn);
      this.paddingUsed = 0;
    }
    const { padding, paddingUsed } = this;
    for (let i = 0; i < length; i++) target[start + i] = padding[paddingUsed + i] as number;
    this.paddingUsed = paddingUsed + length;
  }

  /** Takes a page with nothing left to do in it, unless the one that is here has more room. */
  keep(page: Uint8Array, from: number): void {
    if (page.length - from <= this.sparePage.length - this.spareFrom) return;
    this.sparePage = page;
    this.spareFrom = from;
  }
}
