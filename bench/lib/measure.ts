/**
 * Times contestants against each other.
 *
 * Owns: warming up, interleaved rounds, medians and their spread, bytes allocated.
 * Must not know: what is measured.
 *
 * The clock is the CPU time of the process, with that of its helper threads: on a
 * machine that does nothing else it is the time on the wall, on a busy one it is
 * what the work cost. Garbage is collected in that time too, but only what the same
 * contestant made: each begins when that of the one before is gone.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** One of several ways to do the same work. */
export interface Contestant {
  readonly name: string;
  /**
   * Everything that is not to be timed; the function returned is. It returns how
   * many units it did, which is checked to be the same for all. What is measured
   * should live from round to round, as a connection does: code that an engine
   * compiled for objects that are gone is thrown away.
   *
   * @param round counts up from 0, in the same steps for all
   */
  prepare(round: number): () => number;
}

/** What one contestant did. */
export interface Timing {
  readonly name: string;
  readonly units: number;
  /** Nanoseconds of CPU a unit, one for each round. */
  readonly rounds: readonly number[];
  /** Median of them. */
  readonly nanoseconds: number;
  /** Bytes allocated a unit: on the heap, and outside of it (array buffers). */
  readonly heapBytes: number;
  readonly externalBytes: number;
}

/** Rounds that only measure memory. */
const memoryRounds = 3;

/** Runs every contestant in turn, again and again, so that what disturbs one disturbs all. */
export function race(contestants: readonly Contestant[], rounds: number, warmups: number): Timing[] {
  const times = contestants.map((): number[] => []);
  const memory = contestants.map((): { heap: number; external: number }[] => []);
  const units = contestants.map(() => 0);
  for (let round = 0; round < warmups + rounds + memoryRounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + round) % contestants.length;
      const run = (contestants[index] as Contestant).prepare(round);
      if (round >= warmups + rounds) {
        (memory[index] as { heap: number; external: number }[]).push(allocation(run));
        continue;
      }
      collectGarbage();
      const start = process.cpuUsage();
      const done = run();
      const used = process.cpuUsage(start);
      const elapsed = 1000 * (used.user + used.system);
      units[index] = done;
      if (round >= warmups) (times[index] as number[]).push(elapsed / done);
    }
  }
  if (new Set(units).size > 1) throw new Error(`contestants did unequal work: ${units.join(', ')}`);
  return contestants.map((contestant, index) => ({
    name: contestant.name,
    units: units[index] as number,
    rounds: times[index] as number[],
    nanoseconds: median(times[index] as number[]),
    // A collection in the middle makes a difference small or negative: the largest saw none.
    heapBytes: Math.max(0, ...(memory[index] ?? []).map(({ heap }) => heap)),
    externalBytes: Math.max(0, ...(memory[index] ?? []).map(({ external }) => external)),
  }));
}

/** Median, lowest and highest of the quotients round by round: how often `slow` fits into `fast`. */
export function ratio(
  fast: Pick<Timing, 'rounds'>,
  slow: Pick<Timing, 'rounds'>,
): { median: number; low: number; high: number } {
  const quotients = fast.rounds.map((own, round) => (slow.rounds[round] as number) / own);
  return { median: median(quotients), low: Math.min(...quotients), high: Math.max(...quotients) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

function allocation(run: () => number): { heap: number; external: number } {
  collectGarbage();
  const before = process.memoryUsage();
  const done = run();
  const after = process.memoryUsage();
  return {
    heap: (after.heapUsed - before.heapUsed) / done,
    external: (after.arrayBuffers - before.arrayBuffers) / done,
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
