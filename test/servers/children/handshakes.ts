/**
 * Dials several times, one after the other, and reports for each how long it
 * took and the longest time for which the event loop stood still.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
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
const histogram = monitorEventLoopDelay({ resolution: 1 });

for (let run = 0; run < runs; run++) {
  // The loop is idle before, so that what is measured began with the dial.
  await new Promise((resolve) => setTimeout(resolve, 20));
  histogram.reset();
  histogram.enable();
  const start = performance.now();
  const client = await connect({ ...optionsFor(target), ...options });
  const milliseconds = performance.now() - start;
  // The last block is seen by a timer behind it.
  await new Promise((resolve) => setTimeout(resolve, 5));
  histogram.disable();
  handshakes.push({ milliseconds, longestBlock: histogram.max / 1e6, kex: client.negotiated.kex });
  await client.close();
}

writeReport({ handshakes });
