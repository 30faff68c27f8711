/**
 * What the demonstration prints.
 *
 * Owns: its words and tables.
 * Must not know: when they are printed, whether what they say is right.
 */
import { aligned, duration } from '../src/cli/figures.ts';
import { FleetSummary, stageOf } from '../src/cli/fleet/fleetSummary.ts';
import type { Report } from '../src/entry/diagnostics.ts';
import type { ConnectOptions, FleetResult } from '../src/entry/index.ts';
import { type Group, isOf } from './fleet.ts';
import type { Holdings } from './leftovers.ts';

type Result = FleetResult<ConnectOptions>;

export function introduction(groups: readonly Group[], deadline: number, concurrency: number): string {
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  return [
    `A command on ${total} targets, ${concurrency} at once; each wait has ${duration(deadline)}. Of the targets`,
    ...groups.map(({ count, story }) => `  ${String(count).padStart(3)} ${story}`),
    '',
  ].join('\n');
}

/** The groups of the clients; the server's are the other ends of the same connections. */
export function waiting(done: number, { groups }: Report): string {
  const clients = groups.filter(({ role }) => role === 'client');
  const rows = clients.map(({ phase, waitsFor, connections, oldestAge, nextDeadline }) => [
    phase,
    String(connections),
    duration(oldestAge),
    nextDeadline === null ? '' : duration(Math.max(0, nextDeadline)),
    waitsFor.join(', '),
  ]);
  return [
    `${done} have their result by now. What the others wait for:\n`,
    aligned([['phase', 'connections', 'oldest', 'deadline in', 'waits for'], ...rows]),
  ].join('\n');
}

export function outcomes(groups: readonly Group[], results: readonly Result[]): string {
  const summary = new FleetSummary();
  for (const result of results) summary.add(result);
  const rows = groups.map((group) => {
    const own = results.filter(({ target }) => isOf(group, target));
    const longest = Math.max(...own.map(({ elapsed }) => elapsed));
    return [
      `${group.count} that ${group.story}`,
      duration(longest),
      [...new Set(own.map(described))].join('; '),
    ];
  });
  return [
    'What came of all, by phase:\n',
    summary.table(),
    'and by what they do:\n',
    aligned([['targets', 'longest', 'result'], ...rows]),
  ].join('\n');
}

export function held(...moments: readonly [before: Holdings, meanwhile: Holdings, after: Holdings]): string {
  const row = (title: string, shown: (moment: Holdings) => string | number): string[] => [
    title,
    ...moments.map((moment) => String(shown(moment))),
    '',
  ];
  return [
    'What this process holds, the targets among it:\n',
    aligned([
      ['', 'before', 'meanwhile', 'after', ''],
      row('connections', ({ connections }) => connections),
      row('sockets', ({ sockets }) => sockets),
      row('listeners', ({ listeners }) => listeners),
      row('timers', ({ timers }) => timers),
      row('heap, MiB', ({ heap }) => (heap / 2 ** 20).toFixed(1)),
    ]),
  ].join('\n');
}

function described(result: Result): string {
  if (result.ok) return `status ${result.code ?? 'unknown'}`;
  const { code, waitingFor } = result.error;
  const what = waitingFor === undefined ? '' : `, waiting for ${waitingFor}`;
  return `${code} in ${stageOf(result.error)}${what}`;
}
