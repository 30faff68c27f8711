/**
 * Part 6: what an idle connection holds on to, once it has run a command.
 */
import { median } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { startSshd } from '../lib/sshd.ts';
import type { IdleMemory } from './child.ts';
import { interleave, libraryNames, runJob, times } from './jobs.ts';

/** ssh2 without its addon takes more than four minutes to connect so often. */
const libraries = libraryNames.filter((name) => name !== 'ssh2 without');

export async function memoryPart(quick: boolean): Promise<void> {
  const count = quick ? 5 : 100;
  const sshd = await startSshd();
  const algorithms = { kex: 'curve25519-sha256', cipher: 'aes128-gcm@openssh.com' };
  try {
    const measured = await interleave<IdleMemory>(
      libraries.map((library) => ({
        name: library,
        run: () => runJob<IdleMemory>({ library, target: sshd, algorithms, kind: 'idle', count }),
      })),
      quick ? 1 : 3,
    );
    const kilobytes = (values: readonly number[]): string => (median(values) / 1000).toFixed(1);
    printTable(
      `6. Memory of an idle connection, kB, of ${count}`,
      ['by', 'heap', 'outside the heap', 'resident', 'heap: ssh2 with addon ÷'],
      measured.map((own) => [
        own.name,
        kilobytes(own.rounds.map(({ heap }) => heap)),
        kilobytes(own.rounds.map(({ external }) => external)),
        kilobytes(own.rounds.map(({ resident }) => resident)),
        times(own, measured, 'ssh2 with addon', ({ heap }) => heap),
      ]),
    );
    writeResults('memory', measured);
  } finally {
    sshd.stop();
  }
}
