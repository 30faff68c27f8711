/**
 * Work that is interrupted now and then.
 *
 * Owns: running such work in one go.
 * Must not know: what the work is.
 */

/** Runs steps to their end. */
export function runSteps<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
