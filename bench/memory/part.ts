/**
 * `npm run bench -- silentDials`: 2,110 dials to machines that never speak,
 * with the deadlines that are the default, and 10,000 for what one costs.
 *
 * Owns: the processes, the tables.
 * Must not know: how a dial is measured.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { printTable, writeResults } from '../lib/report.ts';
import type { SilentDialsFigures, Spread, Usage } from './silentDials.ts';

/** Ports to dial: each has a queue of its own for connections that are not accepted yet. */
const portCount = 16;
/** Files a process has besides its sockets. */
const otherFiles = 100;
/** So many at once have to end within a tenth of their deadline; with more, the time to end them all is only shown. */
const punctual = 2_110;
const tolerance = 0.1;

export async function silentDialsPart(quick: boolean): Promise<void> {
  const counts = quick ? [500] : [punctual, 10_000];
  const identification = quick ? 2_000 : undefined;
  const peer = start('peer', { count: portCount });
  try {
    const { ports } = (await told(peer)) as { readonly ports: readonly number[] };
    const results: unknown[] = [];
    for (const count of counts) {
      checkFiles(count);
      const dials = await measure<SilentDialsFigures>('dials', { ports, count, identification });
      const sockets = await measure<{ before: Usage; during: Usage }>('sockets', { ports, count });
      show(dials, sockets);
      results.push({ dials, sockets });
    }
    writeResults('silentDials', results);
  } finally {
    peer.disconnect();
  }
}

function show(dials: SilentDialsFigures, sockets: { readonly before: Usage; readonly during: Usage }): void {
  const { count, deadline, before, during, after } = dials;
  const spread = ({ least, median, most }: Spread): string[] =>
    [least, median, most].map((value) => `${value.toFixed(0)} ms`);
  printTable(
    `${count} dials at once to machines that accept and never speak; all waited after ${dials.allWaiting.toFixed(0)} ms`,
    ['', 'least', 'median', 'most'],
    [
      [`TCP connection to end (deadline ${deadline} ms)`, ...spread(dials.waited)],
      ['call to rejection', ...spread(dials.rejected)],
    ],
  );
  for (const [end, times] of Object.entries(dials.ends)) console.log(`${times} ended with ${end}`);
  const each = (bytes: number): string => `${(bytes / count / 1024).toFixed(1)} KiB`;
  const costs = (from: Usage, fresh: Usage, to: Usage): string[] => [
    each(to.heap - from.heap),
    each(to.external - from.external),
    each(to.resident - fresh.resident),
  ];
  printTable(
    'memory of one that waits',
    ['', 'heap', 'external', 'resident'],
    [
      ['a dial', ...costs(before, dials.fresh, during)],
      ['a socket of the runtime, for comparison', ...costs(sockets.before, sockets.before, sockets.during)],
    ],
  );
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const row = (name: string, usage: Usage): string[] => [
    name,
    megabytes(usage.heap),
    megabytes(usage.external),
    megabytes(usage.resident),
    String(usage.connections),
    Object.entries(usage.resources)
      .map(([kind, times]) => `${times} ${kind}`)
      .join(', '),
  ];
  printTable(
    'the process',
    ['', 'heap', 'external', 'resident', 'connections', 'open resources'],
    [row('fresh', dials.fresh), row('before', before), row('while all wait', during), row('after', after)],
  );
  const left = JSON.stringify(after.resources);
  if (after.connections > 0 || left !== JSON.stringify(before.resources)) {
    throw new Error(`something is left: ${after.connections} connections, ${left}`);
  }
  const ended = dials.ends['ERR_SSH_TIMEOUT in identification by identification'] ?? 0;
  if (ended !== count) throw new Error(`${count - ended} dials did not end by their deadline`);
  const off = Math.max(dials.waited.most - deadline, deadline - dials.waited.least);
  if (count <= punctual && off > tolerance * deadline)
    throw new Error(`a dial ended ${off.toFixed(0)} ms off its deadline`);
}

/** The figures of a process of its own. */
async function measure<Figures>(what: string, input: object): Promise<Figures> {
  return (await told(start(what, input))) as Figures;
}

function start(what: string, input: object): ChildProcess {
  return fork(fileURLToPath(new URL('./program.js', import.meta.url)), [what, JSON.stringify(input)]);
}

function told(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`a process ended with ${code}`)));
  });
}

/** Says beforehand what would fail in the middle. */
function checkFiles(count: number): void {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  if (limit !== 'unlimited' && Number(limit) < count + otherFiles) {
    throw new Error(
      `${count} dials need ${count + otherFiles} open files, ${limit} are allowed; raise it with ulimit -n`,
    );
  }
}
