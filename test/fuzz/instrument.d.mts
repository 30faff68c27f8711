/** Instruments every file below `folder`; returns how many branches there are. */
export function instrument(folder: string, counters: string): number;
/** The text with a numbered call in each branch, from `first` on. */
export function instrumented(
  code: string,
  first: number,
): { readonly text: string; readonly branches: number };
