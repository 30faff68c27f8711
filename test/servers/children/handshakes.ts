/**
 * Dials several times, one after the other, and reports for each how long it
 * took and the most processor time that went by between two turns of the event
 * loop. Time of the processor, not of a clock: what other programs take is not in it.
 */
import { type ConnectOptions, connect } from '../../../src/entry/index.ts';
import { optionsFor, readInput, type Target, writeReport } from './exchange.ts';

interface Input {
  readonly target: Target;
  readonly options: ConnectOptions;
  readonly runs: number;
}

const { target, options, runs } = readInput<Input>();
const handshakes: { readonly milliseconds: number; readonly longestBlock: number; readonly kex: string }[] =
  [];

/** Looks at each turn of the event loop, from now on; the function ends that, and gives the milliseconds of the longest one. */
function watchTurns(): () => number {
  let longest = 0;
  let watches = true;
  let before = process.cpuUsage();
  const look = (): void => {
    const { user, system } = process.cpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.cpuUsage();
    if (watches) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    watches = false;
    return longest;
  };
}

for (let run = 0; run < runs; run++) {
  // The loop is idle before, so that what is measured began with the dial.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const longestTurn = watchTurns();
  const start = performance.now();
  const client = await connect({ ...optionsFor(target), ...options });
  const milliseconds = performance.now() - start;
  // The last turn is seen by the next one.
  await new Promise((resolve) => setTimeout(resolve, 5));
  handshakes.push({ milliseconds, longestBlock: longestTurn(), kex: client.negotiated.kex });
  await client.close();
}

writeReport({ handshakes });
