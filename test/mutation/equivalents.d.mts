import type { Mutant } from './mutants.mjs';

/** A line of equivalent.txt. */
export interface Equivalent {
  readonly path: string;
  readonly text: string;
  readonly change: string;
  /** One of several places, or `each`; undefined where there is one. */
  readonly which: string | undefined;
  readonly count: number;
}

export function equivalentsIn(text: string): Equivalent[];
export function placesOf(equivalent: Equivalent, mutants: readonly Mutant[]): Mutant[];
