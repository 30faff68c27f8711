/**
 * Opens connections that run a command and then idle, and reports what one of them holds on to.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Client, connect } from '../../../src/entry/index.ts';
import { optionsFor, readInput, type Target, writeReport } from './exchange.ts';

interface Input {
  readonly target: Target;
  /** Connections in a round, a multiple of `atOnce`. */
  readonly count: number;
}

/** Fewer than sshd begins to refuse (MaxStartups). */
const atOnce = 5;

setFlagsFromString('--expose-gc');
// What is compiled while it is measured is no connection's.
setFlagsFromString('--no-opt');
setFlagsFromString('--no-sparkplug');
const collectGarbage = runInNewContext('gc') as () => void;

const { target, count } = readInput<Input>();
const clients: Client[] = [];
// The first ones bring code and tables that all share.
await open();
const rounds: { readonly heap: number; readonly outside: number }[] = [];
for (let round = 0; round < 3; round++) {
  const before = await used();
  await open();
  const after = await used();
  rounds.push({
    heap: (after.heapUsed - before.heapUsed) / count,
    outside: (after.external - before.external) / count,
  });
}
writeReport({ rounds });
await Promise.all(clients.map((client) => client.close()));

async function open(): Promise<void> {
  for (let i = 0; i < count; i += atOnce) await Promise.all(Array.from({ length: atOnce }, openOne));
}

async function openOne(): Promise<void> {
  const client = await connect({ ...optionsFor(target), algorithms: { kex: ['curve25519-sha256'] } });
  await client.run('true');
  clients.push(client);
}

async function used(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage();
}
