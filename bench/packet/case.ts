/**
 * One suite in a process of its own, as a program uses one cipher: code that has
 * seen every cipher is compiled for all of them and is slower for each.
 *
 * Arguments: part (receive, send or parts), label of the suite, 'quick' or 'full', and
 * optionally a payload length. Prints JSON.
 */
import { race, type Timing } from '../lib/measure.ts';
import { partsContestants, partsPayloadLength } from './bareParts.ts';
import { receiveContestants } from './receive.ts';
import { sendContestants } from './send.ts';
import { ready } from './ssh2.ts';
import { chunkings, payloadLengths, type Suite, suites } from './suites.ts';

export interface CaseResult {
  readonly part: string;
  readonly suite: string;
  readonly payloadLength: number;
  readonly chunking: string;
  readonly timings: readonly Timing[];
}

const [part, label, effort, only] = process.argv.slice(2);
const suite = suites.find((candidate) => candidate.label === label) as Suite;
const quick = effort !== 'full';
const rounds = quick ? 3 : 15;
/** Long enough for the engine to compile what it finds hot. */
const warmups = quick ? 4 : 12;
const bytesPerRound = quick ? 500_000 : 16_000_000;
const results: CaseResult[] = [];

await ready;
if (part === 'parts') {
  const timings = race(partsContestants(suite), rounds, warmups);
  results.push({ part, suite: suite.label, payloadLength: partsPayloadLength, chunking: '', timings });
}
for (const payloadLength of part === 'parts' ? [] : payloadLengths) {
  if (only !== undefined && Number(only) !== payloadLength) continue;
  const packets = Math.max(quick ? 15 : 60, Math.min(40_000, Math.floor(bytesPerRound / payloadLength)));
  if (part === 'send') {
    const timings = race(sendContestants(suite, payloadLength, packets), rounds, warmups);
    results.push({ part, suite: suite.label, payloadLength, chunking: '', timings });
    continue;
  }
  for (const { label: chunking, length } of chunkings) {
    if (quick && length !== 65_536) continue;
    const timings = race(receiveContestants(suite, payloadLength, length, packets), rounds, warmups);
    results.push({ part: 'receive', suite: suite.label, payloadLength, chunking, timings });
  }
}
process.stdout.write(JSON.stringify(results));
