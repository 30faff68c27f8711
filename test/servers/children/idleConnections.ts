/**
 * Opens connections that run a command and then idle, and reports what one of them holds on to.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Client, connect } from '../../../src/entry/index.ts';
import { bytesOfEach, takeSnapshot } from '../../support/heapSnapshot.ts';
import { optionsFor, readInput, type Target, writeReport } from './exchange.ts';

interface Input {
  readonly target: Target;
  /** Connections that are opened at first, and as many that are measured; a multiple of `atOnce`. */
  readonly count: number;
}

/** Fewer than sshd begins to refuse (MaxStartups). */
const atOnce = 5;

// What is compiled while it is measured is no connection's.
setFlagsFromString('--no-opt');
setFlagsFromString('--no-sparkplug');
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { target, count } = readInput<Input>();
const clients: Client[] = [];
// The first ones bring code and tables that all share.
await open();
const before = await takeSnapshot();
const outsideBefore = await outside();
await open();
const outsideAfter = await outside();
const after = await takeSnapshot();
writeReport({ heap: bytesOfEach(before, after, count), outside: (outsideAfter - outsideBefore) / count });
await Promise.all(clients.map((client) => client.close()));

async function open(): Promise<void> {
  for (let i = 0; i < count; i += atOnce) await Promise.all(Array.from({ length: atOnce }, openOne));
}

async function openOne(): Promise<void> {
  const client = await connect({ ...optionsFor(target), algorithms: { kex: ['curve25519-sha256'] } });
  await client.run('true');
  clients.push(client);
}

/** Bytes outside of the heap. Freed memory is counted as free some turns after the collection. */
async function outside(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await nextTurn();
  }
  return process.memoryUsage().external;
}
