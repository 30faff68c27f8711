/**
 * Dials to machines that accept and never speak: what they cost while they
 * wait, when their deadline ends them, and what is left of them.
 *
 * Owns: the dials and their figures, in a process that does nothing else.
 * Must not know: where the machines are.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { acceptAnyHostKey, connect, SshError } from '../../src/entry/index.ts';
import { liveConnections, observeConnections } from '../../src/io/registry.ts';

export interface SilentDialsInput {
  readonly ports: readonly number[];
  readonly count: number;
  /** Milliseconds; the default of the library where not given. */
  readonly identification?: number | undefined;
}

/** Bytes in use, garbage collected, and what holds the event loop. */
export interface Usage {
  readonly heap: number;
  /** Outside of the heap: buffers and what the runtime's own objects hold. */
  readonly external: number;
  readonly resident: number;
  /** Open resources of the event loop by kind. */
  readonly resources: Readonly<Record<string, number>>;
  readonly connections: number;
}

export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

export interface SilentDialsFigures {
  readonly count: number;
  /** Milliseconds until all waited for the identification. */
  readonly allWaiting: number;
  /** Before there was any dial: resident memory, once taken, is not given back to the system. */
  readonly fresh: Usage;
  readonly before: Usage;
  readonly during: Usage;
  readonly after: Usage;
  /** How the dials ended: code, phase and wait, with how many did. */
  readonly ends: Readonly<Record<string, number>>;
  /** The bound of the wait in milliseconds. */
  readonly deadline: number;
  /** Milliseconds from the TCP connection to the end. */
  readonly waited: Spread;
  /** The shortest wait by its own clock: whoever is told of a start is told a little after it. */
  readonly leastElapsed: number;
  /** Milliseconds from the call of `connect` to its rejection. */
  readonly rejected: Spread;
}

/** Deadline of the dials that are not measured, in milliseconds. */
const warmUp = 500;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Dials all at once and waits for all to end. */
export async function dialSilent(
  input: SilentDialsInput,
  /** Whether the machines have seen the end of all connections, where they are in this process. */
  allGone: () => boolean = () => true,
): Promise<SilentDialsFigures> {
  const { ports, count, identification } = input;
  const fresh = await usage();
  // As many before, for code that is loaded and compiled and tables that grow: that is not what a dial costs.
  const portOf = (i: number): number => ports[i % ports.length] ?? 0;
  await Promise.all(Array.from({ length: count }, (_, i) => dial(portOf(i), warmUp)));
  while (!allGone()) await pause(10);
  const connectedAt = new Map<number, number>();
  const waited: number[] = [];
  const rejected: number[] = [];
  const ends: Record<string, number> = {};
  let deadline = 0;
  let leastElapsed = Number.POSITIVE_INFINITY;
  const before = await usage();
  const stop = observeConnections({
    phaseChanged: ({ id }, _from, to) => {
      if (to === 'identification') connectedAt.set(id, performance.now());
    },
    waitExpired: ({ id }, { timeout, elapsed }) => {
      deadline = timeout;
      leastElapsed = Math.min(leastElapsed, elapsed);
      waited.push(performance.now() - (connectedAt.get(id) ?? Number.NaN));
    },
  });
  const start = performance.now();
  const dials = Array.from({ length: count }, async (_, i) => {
    const begun = performance.now();
    const end = await dial(portOf(i), identification);
    rejected.push(performance.now() - begun);
    ends[end] = (ends[end] ?? 0) + 1;
  });
  while (connectedAt.size < count && rejected.length === 0) await pause(10);
  const allWaiting = performance.now() - start;
  const during = await usage();
  await Promise.all(dials);
  dials.length = 0;
  stop();
  connectedAt.clear();
  const figures = {
    count,
    allWaiting,
    fresh,
    before,
    during,
    ends,
    deadline,
    waited: spread(waited),
    leastElapsed,
    rejected: spread(rejected),
  };
  while (!allGone()) await pause(10);
  waited.length = 0;
  rejected.length = 0;
  return { ...figures, after: await usage() };
}

/** What as many sockets of the runtime cost by themselves, in the same state, without a timer. */
export async function holdSockets(input: SilentDialsInput): Promise<{ before: Usage; during: Usage }> {
  const { ports, count } = input;
  const before = await usage();
  const sockets: Socket[] = [];
  await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const port = ports[i % ports.length] ?? 0;
      const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true, keepAlive: true });
      socket.on('data', () => {});
      sockets.push(socket);
      return new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
    }),
  );
  const during = await usage();
  for (const socket of sockets) socket.destroy();
  return { before, during };
}

/** How a dial ended. */
async function dial(port: number, identification: number | undefined): Promise<string> {
  try {
    const client = await connect({
      host: '127.0.0.1',
      port,
      username: 'ops',
      verifyHostKey: acceptAnyHostKey(),
      ...(identification === undefined ? {} : { timeouts: { identification } }),
    });
    await client.close();
    return 'connected';
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return `${error.code} in ${error.phase} by ${error.waitingFor ?? 'no wait'}`;
  }
}

async function usage(): Promise<Usage> {
  // What ended in this turn of the event loop has been taken down.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo().sort()) resources[kind] = (resources[kind] ?? 0) + 1;
  return {
    heap: heapUsed,
    external,
    resident: rss,
    resources,
    connections: liveConnections().length,
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return { least: at(0), median: at(sorted.length >> 1), most: at(sorted.length - 1) };
}
