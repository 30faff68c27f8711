/**
 * What the connections of this process wait for.
 *
 * Owns: the grouping by phase and by wait.
 * Must not know: how it is printed.
 */
import { liveConnections } from '../src/io/registry.ts';

/** Connections in the same phase that wait for the same. */
export interface Waiting {
  readonly phase: string;
  readonly waitsFor: string;
  readonly connections: number;
  /** Milliseconds since the first of them was begun. */
  readonly oldest: number;
  /** Milliseconds until the first of their deadlines. */
  readonly nextDeadline: number;
}

/** The clients' connections by phase and wait, the largest group first. */
export function waiting(): Waiting[] {
  const found = new Map<string, Waiting>();
  for (const connection of liveConnections()) {
    const { role, phase, age, waits } = connection.snapshot();
    if (role !== 'client') continue;
    // The wait for the whole dial is there beside each of its parts.
    const names = [...new Set(waits.map(({ name }) => name).filter((name) => name !== 'dial'))];
    const waitsFor = names.length === 0 ? 'nothing' : names.join(', ');
    const key = `${phase} ${waitsFor}`;
    const known = found.get(key);
    const nextDeadline = Math.min(...waits.map(({ remaining }) => remaining));
    found.set(key, {
      phase,
      waitsFor,
      connections: (known?.connections ?? 0) + 1,
      oldest: Math.max(known?.oldest ?? 0, age),
      nextDeadline: Math.min(known?.nextDeadline ?? Number.POSITIVE_INFINITY, nextDeadline),
    });
  }
  return [...found.values()].sort((a, b) => b.connections - a.connections);
}
