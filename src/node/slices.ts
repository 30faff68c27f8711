/**
 * Work that takes longer than an event loop may stand still.
 *
 * Owns: that all such work of the process together takes a few milliseconds of a
 * turn of the event loop, and that each piece of it gets its share.
 * Must not know: what the work is.
 */

/** Milliseconds of a turn. */
const share = 2;

/** Work under way. Tells whether it is done. */
type Job = () => boolean;

/** The one that has waited longest is first. */
const jobs: Job[] = [];
let isScheduled = false;

/**
 * Does work that comes in steps of less than a millisecond. What one step
 * finishes is done at once.
 */
export function inSlices<T>(work: Generator<void, T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const job: Job = () => {
      try {
        const step = work.next();
        if (step.done !== true) return false;
        resolve(step.value);
      } catch (error) {
        reject(error);
      }
      return true;
    };
    if (job()) return;
    jobs.push(job);
    schedule();
  });
}

function schedule(): void {
  if (isScheduled || jobs.length === 0) return;
  isScheduled = true;
  setImmediate(takeShare);
}

function takeShare(): void {
  const until = performance.now() + share;
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    if (!job()) jobs.push(job);
    if (performance.now() >= until) break;
  }
  isScheduled = false;
  schedule();
}
