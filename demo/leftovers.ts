/**
 * What this process holds.
 *
 * Owns: the counts of connections, handles and bytes.
 * Must not know: what they are for.
 */
import { takeReport } from '../src/entry/diagnostics.ts';

export interface Holdings {
  /** SSH connections of either role. */
  readonly connections: number;
  /** TCP sockets, both ends of each connection: all of them are in this process. */
  readonly sockets: number;
  readonly listeners: number;
  readonly timers: number;
  /** Bytes in use once all garbage is gone. */
  readonly heap: number;
}

/** Counts what Node keeps this process alive for, and the library's own register. */
export async function holdings(): Promise<Holdings> {
  // Handles that were closed are gone once the event loop has been round.
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
  const resources = process.getActiveResourcesInfo();
  const count = (name: string): number => resources.filter((resource) => resource === name).length;
  globalThis.gc?.();
  return {
    connections: takeReport().connections,
    sockets: count('TCPSocketWrap'),
    listeners: count('TCPServerWrap'),
    timers: count('Timeout'),
    heap: process.memoryUsage().heapUsed,
  };
}
