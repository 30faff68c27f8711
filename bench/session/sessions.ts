/**
 * Part 4: whole sessions with a real sshd.
 */
import { printTable, writeResults } from '../lib/report.ts';
import { startSshd } from '../lib/sshd.ts';
import { interleave, libraryNames, type Rounds, runJob, times } from './jobs.ts';
import { runOpenSsh } from './openSshClient.ts';
import type { Measured, TaskName } from './tasks.ts';

const ciphers = ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com'];
/** The rest of them is the part `transfers`. */
type SessionTask = Exclude<TaskName, 'upload in 64 KiB'>;
const openSshName = 'OpenSSH client';

/** ssh2 without its addon takes 45 ms for each, and the others 0.3. */
const slowEchoes = 50;

/** `filters`: names of tasks or parts of cipher names; none is all. */
export async function sessionsPart(quick: boolean, filters: readonly string[]): Promise<void> {
  const amounts: Readonly<Record<SessionTask, number>> = quick
    ? { download: 16 << 20, upload: 16 << 20, 'small writes': 128 << 10, echo: 50 }
    : { download: 512 << 20, upload: 512 << 20, 'small writes': 8 << 20, echo: 2_000 };
  const rounds = quick ? 1 : 5;
  const chosen = (name: string): boolean =>
    filters.length === 0 || filters.some((word) => name.includes(word));
  const sshd = await startSshd();
  const results: object[] = [];
  const rows: string[][] = [];
  try {
    for (const cipher of quick ? ciphers.slice(0, 1) : ciphers) {
      for (const task of Object.keys(amounts) as SessionTask[]) {
        if (!chosen(task) && !chosen(cipher)) continue;
        const algorithms = { kex: 'curve25519-sha256', cipher };
        const measured = await interleave<Measured>(
          [
            ...libraryNames.map((library) => ({
              name: library,
              run: () =>
                runJob<Measured>({
                  library,
                  target: sshd,
                  algorithms,
                  kind: 'task',
                  task,
                  amount: library === 'ssh2 without' && task === 'echo' ? slowEchoes : amounts[task],
                }),
            })),
            ...(task === 'download' || task === 'upload'
              ? [{ name: openSshName, run: () => runOpenSsh(sshd, algorithms, task, amounts[task]) }]
              : []),
          ],
          rounds,
        );
        results.push({ cipher, task, server: sshd.version, measured });
        rows.push(...measured.map((own) => rowOf(cipher, task, own, measured)));
      }
    }
  } finally {
    sshd.stop();
  }
  printTable(
    `4. Sessions with ${sshd.version}`,
    [
      'cipher',
      'what',
      'by',
      'MB/s',
      'per operation',
      'CPU s/GB',
      'MB/s × OpenSSH',
      'MB/s × ssh2 with addon',
      'CPU: ssh2 with addon ÷',
      'CPU: ssh2 without ÷',
    ],
    rows,
  );
  writeResults('sessions', results);
}

const wall = ({ milliseconds }: Measured): number => milliseconds;
const cpu = ({ cpuMilliseconds }: Measured): number => cpuMilliseconds;

function rowOf(
  cipher: string,
  task: TaskName,
  own: Rounds<Measured>,
  all: readonly Rounds<Measured>[],
): string[] {
  const best = [...own.rounds].sort((a, b) => wall(a) - wall(b))[own.rounds.length >> 1] as Measured;
  const { bytes, operations } = best;
  const bulk = task === 'download' || task === 'upload';
  return [
    cipher,
    task,
    own.name,
    task === 'echo' ? '' : (bytes / 1000 / wall(best)).toFixed(0),
    bulk ? '' : `${((1000 * wall(best)) / operations).toFixed(1)} µs`,
    task === 'echo' ? '' : ((1e6 * cpu(best)) / bytes).toFixed(2),
    times(own, all, openSshName, wall),
    times(own, all, 'ssh2 with addon', wall),
    times(own, all, 'ssh2 with addon', cpu),
    times(own, all, 'ssh2 without', cpu),
  ];
}
