import type { Mutant } from './mutants.mjs';

/** The text in which a change is made where `__on` is true of its number. */
export function withSwitches(
  code: string,
  mutants: readonly (Mutant & { readonly number: number })[],
): string;
export const ownPreamble: string;
export function childPreamble(file: string, count: number): string;
export function withPreamble(preamble: string, text: string): string;
