/**
 * Part 11: long transfers, the first megabytes of a process and one byte there and back,
 * on each Node that is there.
 */
import { median } from '../lib/measure.ts';
import { type NodeVersion, nodeVersions } from '../lib/nodes.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { startSshd } from '../lib/sshd.ts';
import { interleave, type Rounds, runJob, times } from './jobs.ts';
import type { Measured, TaskName } from './tasks.ts';

const algorithms = { kex: 'curve25519-sha256', cipher: 'aes128-gcm@openssh.com' };

/** What is moved, and how much of the same goes before the clock starts. */
interface Transfer {
  readonly what: string;
  readonly task: TaskName;
  readonly amount: number;
  readonly before: number;
}

function transfers(quick: boolean): readonly Transfer[] {
  const much = quick ? 16 << 20 : 512 << 20;
  const first = quick ? 4 << 20 : 64 << 20;
  const trips = quick ? 50 : 2_000;
  return [
    { what: 'download', task: 'download', amount: 2 * much, before: much },
    { what: 'upload in writes of 64 KiB', task: 'upload in 64 KiB', amount: 2 * much, before: much },
    { what: 'download, the first 64 MiB of a process', task: 'download', amount: first, before: 0 },
    { what: 'echo', task: 'echo', amount: trips, before: trips },
  ];
}

/** `filters`: numbers of versions of Node or words of what is done; none is all. */
export async function transfersPart(quick: boolean, filters: readonly string[]): Promise<void> {
  const rounds = quick ? 1 : 5;
  const nodes = quick ? nodeVersions().slice(0, 1) : nodeVersions();
  const chosen = (words: readonly string[]): boolean =>
    filters.every((filter) => words.some((word) => word.includes(filter)));
  const sshd = await startSshd();
  const results: object[] = [];
  const rows: string[][] = [];
  try {
    for (const node of nodes) {
      for (const { what, ...transfer } of transfers(quick)) {
        if (!chosen([node.name, what])) continue;
        // Without its addon ssh2 waits 44 ms for each answer: nothing to be compared with.
        if (what === 'echo' && node.ssh2 === 'ssh2 without') continue;
        const measured = await interleave<Measured>(
          (['deadline-ssh', node.ssh2] as const).map((library) => ({
            name: library,
            run: () =>
              runJob<Measured>({ library, target: sshd, algorithms, kind: 'task', ...transfer }, node),
          })),
          rounds,
        );
        results.push({ node: node.name, what, peer: node.ssh2, server: sshd.version, measured });
        rows.push(...measured.map((own) => rowOf(node, what, own, measured)));
      }
    }
  } finally {
    sshd.stop();
  }
  printTable(
    '11. Transfers',
    ['Node', 'what', 'by', 'MB/s or µs', 'CPU s/GB or µs', 'wall: ssh2 ÷', 'CPU: ssh2 ÷'],
    rows,
  );
  writeResults('transfers', results);
}

function rowOf(
  { name, ssh2 }: NodeVersion,
  what: string,
  own: Rounds<Measured>,
  all: readonly Rounds<Measured>[],
): string[] {
  const wall = ({ milliseconds }: Measured): number => milliseconds;
  const cpu = ({ cpuMilliseconds }: Measured): number => cpuMilliseconds;
  const { bytes, operations } = own.rounds[0] as Measured;
  const isEcho = what === 'echo';
  const walls = median(own.rounds.map(wall));
  const cpus = median(own.rounds.map(cpu));
  return [
    name,
    what,
    own.name,
    isEcho ? ((1000 * walls) / operations).toFixed(1) : (bytes / 1000 / walls).toFixed(0),
    isEcho ? ((1000 * cpus) / operations).toFixed(1) : ((1e6 * cpus) / bytes).toFixed(2),
    times(own, all, ssh2, wall),
    times(own, all, ssh2, cpu),
  ];
}
