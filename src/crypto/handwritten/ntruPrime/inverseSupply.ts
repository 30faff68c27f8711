/**
 * Short polynomials with the inverses of their triples, for one key pair after another.
 *
 * Owns: that a process which makes many shares one inversion among up to 32 of them:
 * the inverse of a product is worth the inverse of each factor (Montgomery's trick),
 * for three multiplications each. The work is spread: no call does more than one
 * inversion and four multiplications.
 * Must not know: keys, bytes, where randomness comes from.
 * Source: P. L. Montgomery, "Speeding the Pollard and elliptic curve methods of
 * factorization" (1987), §10.3.1.
 *
 * A few polynomials lie here before they are used, as the state of a random number
 * generator does. Nothing here tells anything of those that were given out.
 */
import { center, inverseOfTriple } from './modulo4591.ts';
import { degree, multiplyTernary, multiplyWhole } from './ternaryProduct.ts';

/** A short polynomial and 1/(3f). */
export interface Invertible {
  readonly f: Int32Array;
  readonly inverse: Int32Array;
}

/** Polynomials that share an inversion: two at first, then twice as many each time, up to these. */
const most = 32;
/** So many are inverted one by one before it begins: a process with few connections makes none in vain. */
const alone = 4;

interface Factor {
  readonly f: Int32Array;
  /** The product of all factors up to this one. */
  readonly product: Int32Array;
}

export class InverseSupply {
  private taken = 0;
  /** Factors of the next product, whose inverse is not known yet. */
  private coming: Factor[] = [];
  private ready: Factor[] = [];
  /** A third of the inverse of the last product in `ready`. */
  private inverse: Int32Array = new Int32Array(degree);

  /** @param draw makes a short polynomial */
  take(draw: () => Int32Array): Invertible {
    if (this.taken < alone) {
      this.taken++;
      return invertible(draw());
    }
    // Two for one that is taken, so that twice as many share the next inversion.
    for (let i = 0; i < 2 && this.coming.length < most; i++) this.addFactor(draw());
    if (this.ready.length === 0) {
      this.inverse = inverseOfTriple((this.coming.at(-1) as Factor).product);
      this.ready = this.coming;
      this.coming = [];
    }
    return this.takeFactor();
  }

  private addFactor(f: Int32Array): void {
    const before = this.coming.at(-1);
    const product = before === undefined ? f.slice() : reduced(multiplyTernary(before.product, f));
    this.coming.push({ f, product });
  }

  /** The last factor: its inverse is that of the whole product times all others. */
  private takeFactor(): Invertible {
    const { f, product } = this.ready.pop() as Factor;
    const before = this.ready.at(-1);
    const inverse =
      before === undefined ? this.inverse : reduced(multiplyWhole(this.inverse, before.product));
    if (before !== undefined) {
      const rest = reduced(multiplyTernary(this.inverse, f));
      this.inverse.fill(0);
      this.inverse = rest;
    }
    product.fill(0);
    return { f, inverse };
  }
}

/** The inverse of one polynomial by itself. */
export function invertible(f: Int32Array): Invertible {
  return { f, inverse: inverseOfTriple(f) };
}

function reduced(product: Float64Array): Int32Array {
  const result = new Int32Array(degree);
  for (let i = 0; i < degree; i++) result[i] = center(product[i] as number);
  return result;
}
