/** One change to a source. */
export interface Mutant {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  readonly kind: string;
  readonly line: number;
  readonly text: string;
  readonly original: string;
}
export function mutantsOf(path: string, code: string): Mutant[];
export function applied(code: string, mutant: Mutant): string;
/** The change as `equivalent.txt` has it. */
export function changeOf(mutant: Mutant): string;
