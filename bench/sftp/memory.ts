/**
 * The rows of part 10 that measure memory: a file of 10 GiB into a consumer that is slow,
 * a folder of a million entries.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printTable, writeResults } from '../lib/report.ts';
import { startSshd } from '../lib/sshd.ts';
import { runProgram } from '../session/jobs.ts';
import type { MemoryJob, PeakMemory } from './memoryChild.ts';
import { removeAll } from './work.ts';

const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** One row as it is saved. */
export interface MemoryResult {
  readonly name: string;
  readonly amount: number;
  readonly peak: PeakMemory;
}

export const memoryRows: readonly string[] = ['get-memory', 'list-memory'];

export async function sftpMemory(quick: boolean, chosen: readonly string[]): Promise<void> {
  const results: MemoryResult[] = [];
  if (chosen.includes('get-memory')) results.push(await getMemory(quick ? 1 : 10));
  if (chosen.includes('list-memory')) results.push(await listMemory(quick ? 100_000 : 1_000_000));
  if (results.length === 0) return;
  const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  printTable(
    '10b. Memory of a long transfer and of a long listing, MiB above the idle client',
    ['row', 'resident', 'heap and what hangs on it', 's'],
    results.map(({ name, peak }) => [
      name,
      megabytes(peak.resident),
      megabytes(peak.heap),
      (peak.milliseconds / 1000).toFixed(1),
    ]),
  );
  for (const result of results) writeResults(`sftp-${result.name}`, result);
}

/** The file is one hole: it takes no room. */
async function getMemory(gibibytes: number): Promise<MemoryResult> {
  const amount = gibibytes * 1024 ** 3;
  const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-bench-'));
  const remote = join(folder, 'sparse');
  writeFileSync(remote, '');
  truncateSync(remote, amount);
  const sshd = await startSshd();
  try {
    const { port, username, privateKey } = sshd;
    return await measured('get-memory', { port, username, privateKey, kind: 'get', remote, amount });
  } finally {
    sshd.stop();
    removeAll(folder);
  }
}

async function listMemory(amount: number): Promise<MemoryResult> {
  const server = spawn(process.execPath, [program('memoryServer'), String(amount)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [first] = (await once(server.stdout, 'data')) as [Buffer];
    const port = Number(String(first));
    const job = { port, username: 'bench', privateKey: undefined, remote: '/' };
    return await measured('list-memory', { ...job, kind: 'list', amount });
  } finally {
    server.kill();
  }
}

async function measured(name: string, job: MemoryJob): Promise<MemoryResult> {
  const peak = await runProgram<PeakMemory>(process.execPath, program('memoryChild'), job);
  return { name, amount: job.amount, peak };
}
