/**
 * `npm run demo`: a command on 110 targets of which 70 do not answer; what
 * hangs where while it does, what came of each, and that nothing is left.
 *
 * Owns: the order of things, and what is right and wrong about the outcome.
 * Must not know: how targets misbehave, how anything is laid out.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { takeReport } from '../src/entry/diagnostics.ts';
import { type ConnectOptions, type FleetResult, runOnAll } from '../src/entry/index.ts';
import { Fleet, groups, isOf } from './fleet.ts';
import { type Holdings, holdings } from './leftovers.ts';
import * as words from './words.ts';

type Result = FleetResult<ConnectOptions>;

/** Milliseconds for each wait. The defaults are two to four times as long, which is too long to watch. */
const deadline = 4_000;
/** A few more than do not answer: the others go through the slots that do not hang. */
const concurrency = 75;
/** Milliseconds for each wait of the rehearsal. */
const short = 500;
/** A deadline is kept by whoever ends within this share of it, and what the event loop was late by. */
const tolerance = 0.1;
/** Bytes that the heap may have grown by; the results and code compiled meanwhile are among them. */
const heapTolerance = 2 * 1024 * 1024;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

print(words.introduction(groups, deadline, concurrency));
// Once in silence first: what is loaded and compiled once would look like a leak.
await rehearse();
const before = await holdings();
const fleet = await Fleet.start();
const { results, during, delay } = await runAndLook(fleet);
await fleet.close();
const after = await holdings();

print(words.outcomes(groups, results));
print(words.held(before, during, after));
for (const [holds, finding] of findings()) {
  print(`${holds ? 'ok' : 'NO'}  ${finding}`);
  if (!holds) process.exitCode = 1;
}
print(words.whatNext);

async function rehearse(): Promise<void> {
  const fleetToo = await Fleet.start();
  for await (const _ of runOnAll(fleetToo.targets, 'uptime', options(short)));
  await fleetToo.close();
}

async function runAndLook({ targets }: Fleet): Promise<{
  readonly results: Result[];
  readonly during: Holdings;
  readonly delay: number;
}> {
  const done: Result[] = [];
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  const looked = new Promise<Holdings>((resolve) => {
    // No deadline has come by then.
    setTimeout(() => {
      print(words.waiting(done.length, takeReport()));
      resolve(holdings());
    }, 0.75 * deadline);
  });
  for await (const result of runOnAll(targets, 'uptime', options(deadline))) done.push(result);
  const held = await looked;
  delays.disable();
  return { results: done, during: held, delay: delays.max / 1e6 };
}

function options(bound: number): Parameters<typeof runOnAll>[2] {
  return {
    concurrency,
    timeout: 3 * bound,
    timeouts: {
      connect: bound,
      identification: bound,
      keyExchange: bound,
      authentication: bound,
      channelOpen: bound,
      request: bound,
      close: bound,
    },
    // The command's bound is over all of it, also over the channel's.
    run: { timeout: bound + short },
  };
}

function findings(): readonly (readonly [boolean, string])[] {
  const good = groups.filter(({ manner }) => manner === 'good');
  const wanted = good.reduce((sum, { count }) => sum + count, 0);
  const served = results.filter((result) => result.ok && good.some((group) => isOf(group, result.target)));
  const late = results.filter(isLate).length;
  const { connections, sockets, listeners, timers } = after;
  const left = connections + sockets + listeners + timers;
  const grown = after.heap - before.heap;
  return [
    [results.length === fleet.targets.length, `${results.length} of ${fleet.targets.length} have a result`],
    [served.length === wanted, `${served.length} of the ${wanted} good ones were served`],
    [late === 0, `${late} ended more than ${100 * tolerance} % behind their deadline`],
    [left === 0, `${left} connections, sockets, listeners and timers are left`],
    [grown < heapTolerance, `the heap has grown by ${Math.round(grown / 1024)} KiB, the results among them`],
  ];
}

function isLate(result: Result): boolean {
  if (result.ok) return false;
  const { elapsed = 0, deadline: bound = Number.POSITIVE_INFINITY } = result.error;
  return elapsed > bound * (1 + tolerance) + delay;
}
