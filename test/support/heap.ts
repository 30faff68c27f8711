/** How much memory and how many objects are in use, for tests that claim that it stays flat. */
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Collects all garbage, so that what nobody holds is finalized some time later. */
export function collectAllGarbage(): void {
  collectGarbage();
}

/** Bytes in use when all garbage is gone: objects, and the memory of arrays outside of the heap. */
export function memoryInUse(): number {
  // What arrays held is freed beside the program, and counted as free when the next collection begins.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * How many objects there are when all garbage is gone: arrays, buffers, maps,
 * promises and functions as well. Exact where `memoryInUse` is not: code that the
 * engine compiles meanwhile is none.
 */
export function objectsInUse(): number {
  return queryObjects(Object, { format: 'count' });
}
