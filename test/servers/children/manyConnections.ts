/**
 * Opens many connections at once, uses each, closes them in three ways, and
 * reports what is left in the process.
 */
import { getEventListeners } from 'node:events';
import { type Client, connect } from '../../../src/entry/index.ts';
import { liveConnections } from '../../../src/io/registry.ts';
import { optionsFor, readInput, type Target, writeReport } from './exchange.ts';

interface Input {
  readonly target: Target;
  readonly count: number;
}

/** Everything of a process that a connection could leave behind. */
interface Leftovers {
  readonly resources: readonly string[];
  readonly processListeners: number;
  readonly signalListeners: number;
  readonly connections: number;
}

const { target, count } = readInput<Input>();
const controller = new AbortController();
await settled();
// Node opens this one itself when it destroys a socket.
void process.stderr;
const before = leftovers();

const start = performance.now();
const clients = await Promise.all(
  Array.from({ length: count }, () => connect({ ...optionsFor(target), signal: controller.signal })),
);
const dialled = performance.now() - start;
const sockets = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
const { length: connections } = liveConnections();
const memory = process.memoryUsage.rss();

const outputs = await Promise.all(
  clients.map(async (client, i) => {
    const { stdout } = await client.run(`echo ${i}`, { signal: controller.signal, timeout: 30_000 });
    return stdout === `${i}\n`;
  }),
);
// A third with a command under way, a third by force, a third in good order.
const running = clients
  .filter((_, i) => i % 3 === 0)
  .map((client) => client.run('exec sleep 60', { signal: controller.signal, timeout: 50_000 }).catch(codeOf));
await Promise.all(clients.map(end));
const codes = await Promise.all(running);
const causes = await Promise.all(clients.map(async (client) => (await client.closed).code));
const abortedCodes = await Promise.all(Array.from({ length: count / 4 }, (_, i) => dialAndAbort(i % 5)));
await settled();

writeReport({
  dialled,
  sockets,
  connections,
  memory,
  answered: outputs.filter(Boolean).length,
  runningCodes: [...new Set(codes)],
  causes: [...new Set(causes)],
  abortedCodes: [...new Set(abortedCodes)],
  before,
  after: leftovers(),
});

/** Aborts when the dial has told of this many steps: connected, identified, host key, keys, method tried. */
function dialAndAbort(steps: number): Promise<unknown> {
  const aborter = new AbortController();
  let told = 0;
  const onDebug = (): void => {
    if (told++ === steps) aborter.abort();
  };
  return connect({ ...optionsFor(target), signal: aborter.signal, onDebug }).catch(codeOf);
}

async function end(client: Client, i: number): Promise<void> {
  if (i % 3 === 1) client.destroy();
  else await client.close();
}

function leftovers(): Leftovers {
  return {
    resources: process.getActiveResourcesInfo(),
    processListeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    signalListeners: getEventListeners(controller.signal, 'abort').length,
    connections: liveConnections().length,
  };
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code;
}

/** What ended in this turn of the event loop has been taken down. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
}
