/**
 * What the code under test did with one input: which of its branches it took, how many steps it went.
 *
 * Owns: the counters that the instrumented build calls (`instrument.mjs`), the
 * budget of steps that stands for "this never ends".
 * Must not know: targets, inputs. In a build that is not instrumented nothing calls it.
 */

/** More branches than the sources have; numbers beyond are counted together. */
const capacity = 1 << 16;

const hits = new Uint32Array(capacity);
const touched = new Uint16Array(capacity);
let touchedCount = 0;
let steps = 0;
let budget = Number.POSITIVE_INFINITY;

/** Thrown in the middle of the code under test. No `SshError`, so that it cannot pass for an answer. */
export class OutOfSteps extends Error {
  override readonly name = 'OutOfSteps';
}

/** One branch was taken: a function entered, a side of a condition, a turn of a loop. */
export function hit(branch: number): void {
  const count = hits[branch] as number;
  hits[branch] = count + 1;
  if (count === 0) touched[touchedCount++] = branch;
  if (++steps > budget) throw new OutOfSteps(`more than ${budget} steps`);
}

/** Before each input. */
export function beginCounting(stepBudget: number): void {
  for (let i = 0; i < touchedCount; i++) hits[touched[i] as number] = 0;
  touchedCount = 0;
  steps = 0;
  budget = stepBudget;
}

/** After each input; what checks the result is not on the account. */
export function endCounting(): number {
  budget = Number.POSITIVE_INFINITY;
  return steps;
}

/** Calls `see` with each branch taken, and how often, in powers of two. */
export function eachBranch(see: (branch: number, magnitude: number) => void): void {
  for (let i = 0; i < touchedCount; i++) {
    const branch = touched[i] as number;
    see(branch, 31 - Math.clz32(hits[branch] as number));
  }
}
