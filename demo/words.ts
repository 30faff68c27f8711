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
      `${String(group.count).padStart(2)} ${group.story}`,
      duration(longest),
      [...new Set(own.map(described))].join(', '),
      [...new Set(own.map(place))].join(', '),
    ];
  });
  return [
    'What came of all, by phase:\n',
    summary.table(),
    'and by what they do:\n',
    leftAligned([['targets', 'longest', 'result', 'where'], ...rows]),
  ].join('\n');
}

export function held(...moments: readonly [before: Holdings, meanwhile: Holdings, after: Holdings]): string {
  const row = (title: string, shown: (moment: Holdings) => string | number): string[] => [
    title,
    ...moments.map((moment) => String(shown(moment))),
    '',
  ];
  return [
    'What this process holds, the targets included:\n',
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

/** The code without what all codes begin with: the table fits 80 columns. */
function described(result: Result): string {
  if (result.ok) return `status ${result.code ?? 'unknown'}`;
  return result.error.code.replace(/^ERR_SSH_/, '');
}

/** The wait that it hung in, or else the phase. */
function place(result: Result): string {
  return result.ok ? '' : (result.error.waitingFor ?? stageOf(result.error));
}

/** Lines of columns, all of them to the left. */
function leftAligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** What a reader may want to do now. */
export const whatNext: string = [
  '',
  'What to try next, in this folder:',
  '  npm run build                               make the package',
  '  node dist/cli/main.js --help                the command',
  '  node dist/cli/main.js user@host uptime      run it on a server of yours',
  '  npm run bench                               measure it beside ssh2',
].join('\n');
