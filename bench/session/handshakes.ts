/**
 * Part 5: handshakes, from the dial to a client that is ready, and the close.
 */
import { median } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { startSshd } from '../lib/sshd.ts';
import { interleave, libraryNames, runJob, times } from './jobs.ts';
import type { Measured } from './tasks.ts';

const methods = ['curve25519-sha256', 'ecdh-sha2-nistp256', 'diffie-hellman-group14-sha256'];

export async function handshakesPart(quick: boolean): Promise<void> {
  const count = quick ? 5 : 150;
  const rounds = quick ? 1 : 3;
  const sshd = await startSshd();
  const results: object[] = [];
  const rows: string[][] = [];
  const cpu = ({ cpuMilliseconds, operations }: Measured): number => cpuMilliseconds / operations;
  const wall = ({ milliseconds, operations }: Measured): number => milliseconds / operations;
  try {
    for (const kex of quick ? methods.slice(0, 1) : methods) {
      const algorithms = { kex, cipher: 'aes128-gcm@openssh.com' };
      const measured = await interleave<Measured>(
        libraryNames.map((library) => ({
          name: library,
          run: () => runJob<Measured>({ library, target: sshd, algorithms, kind: 'handshakes', count }),
        })),
        rounds,
      );
      results.push({ kex, server: sshd.version, measured });
      rows.push(
        ...measured.map((own) => [
          kex,
          own.name,
          median(own.rounds.map(cpu)).toFixed(2),
          median(own.rounds.map(wall)).toFixed(2),
          times(own, measured, 'ssh2 with addon', cpu),
          times(own, measured, 'ssh2 without', cpu),
        ]),
      );
    }
  } finally {
    sshd.stop();
  }
  printTable(
    '5. Handshakes, with an Ed25519 key on each side',
    ['key exchange', 'by', 'CPU ms', 'wall ms', 'CPU: ssh2 with addon ÷', 'CPU: ssh2 without ÷'],
    rows,
  );
  writeResults('handshakes', results);
}
