/**
 * Part 10: files over SFTP, with a real sshd, on loopback and over a long path.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { startSshd, type Target } from '../lib/sshd.ts';
import { interleave, type Rounds, runProgram, times } from '../session/jobs.ts';
import type { Measured } from '../session/tasks.ts';
import type { FileJob } from './child.ts';
import type { FileLibraryName } from './libraries.ts';
import { memoryRows, sftpMemory } from './memory.ts';
import { programsHere } from './programs.ts';
import { amountOf, checkArrived, hashOfNames, makeSource, removeAll, type Work, worksOf } from './work.ts';

const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** One row of contestants, as it is saved. */
export interface FileResult {
  readonly work: Work;
  readonly server: string;
  readonly measured: readonly Rounds<Measured>[];
}

/** Where one run writes. */
interface Places {
  /** Whatever it needs besides. */
  readonly scratch: string;
  readonly destination: string;
}

/** Bytes of the transfer that goes before: the engine has compiled what is hot by then. */
const trialSize = 64 * 1024 * 1024;

/** `filters`: names of rows; none is all. Each row has results of its own. */
export async function sftpPart(quick: boolean, filters: readonly string[]): Promise<void> {
  const isChosen = (name: string): boolean => filters.length === 0 || filters.includes(name);
  await sftpMemory(quick, memoryRows.filter(isChosen));
  const works = worksOf(quick).filter(({ name }) => isChosen(name));
  if (works.length === 0) return;
  const rounds = quick ? 1 : 5;
  const memory = '/dev/shm';
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'deadline-ssh-bench-'));
  const sshd = await startSshd();
  const rows: string[][] = [];
  try {
    for (const work of works) {
      const proxy = work.roundTrip === 0 ? undefined : await startDelay(sshd, work.roundTrip / 2);
      try {
        const measured = await interleave<Measured>(contestants(work, proxy?.target ?? sshd, folder), rounds);
        const result: FileResult = { work, server: sshd.version, measured };
        writeResults(`sftp-${work.name}`, result);
        rows.push(...measured.map((own) => rowOf(work, own, measured)));
      } finally {
        proxy?.process.kill();
      }
    }
  } finally {
    sshd.stop();
    removeAll(folder);
  }
  printTable(
    `10. Files over SFTP with ${sshd.version}`,
    ['row', 'by', 's', 'spread', 'MB/s', 'CPU s', 'speed × exec cat', 'speed × ssh2', 'CPU: ssh2 ÷'],
    rows,
  );
}

function contestants(
  work: Work,
  target: Target,
  folder: string,
): readonly { readonly name: string; readonly run: () => Promise<Measured> }[] {
  const { kind } = work;
  const isWhole = kind === 'get' || kind === 'put';
  const source = join(folder, `${work.name}.source`);
  const trialSource = join(folder, `${work.name}.trial`);
  makeSource(source, work);
  makeSource(trialSource, {
    kind,
    count: Math.min(work.count, kind === 'list' ? work.count : 500),
    size: Math.min(work.size, trialSize),
  });
  const names = kind === 'list' ? hashOfNames(readdirSync(source)) : '';
  // A place for each run: in a quick run there are two at a time.
  const checked = async (run: (at: Places) => Promise<Measured>): Promise<Measured> => {
    const scratch = mkdtempSync(join(folder, 'run-'));
    const destination = join(scratch, 'destination');
    try {
      const measured = await run({ scratch, destination });
      if (kind !== 'list') checkArrived(source, destination, work);
      return { ...measured, bytes: work.count * work.size, operations: work.count };
    } finally {
      removeAll(scratch);
    }
  };
  const libraries: readonly FileLibraryName[] = [
    'deadline-ssh',
    ...(isWhole ? (['deadline-ssh, exec cat'] as const) : []),
    'ssh2 with addon',
  ];
  const job = { target, kind, source, names };
  return [
    ...libraries.map((library) => ({
      name: library,
      run: () =>
        checked(({ scratch, destination }) => {
          const trial = { source: trialSource, destination: join(scratch, 'trial') };
          const whole: FileJob = { library, trial, destination, ...job };
          return runProgram<Measured>(process.execPath, program('child'), whole);
        }),
    })),
    ...programsHere().map(({ name, run }) => ({
      name,
      run: () => checked((places) => run({ ...places, ...job })),
    })),
  ];
}

/** The same server, further away. */
async function startDelay(
  target: Target,
  oneWay: number,
): Promise<{ readonly process: ChildProcess; readonly target: Target }> {
  const child = spawn(process.execPath, [program('delay'), String(target.port), String(oneWay)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  return { process: child, target: { ...target, port: Number(String(first)) } };
}

const wall = ({ milliseconds }: Measured): number => milliseconds;
const cpu = ({ cpuMilliseconds }: Measured): number => cpuMilliseconds;

function rowOf(work: Work, own: Rounds<Measured>, all: readonly Rounds<Measured>[]): string[] {
  const walls = own.rounds.map(wall);
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(2);
  const { bytes } = own.rounds[0] as Measured;
  return [
    `${work.name} (${amountOf(work)})`,
    own.name,
    seconds(median(walls)),
    `${seconds(Math.min(...walls))}–${seconds(Math.max(...walls))}`,
    work.kind === 'get' || work.kind === 'put' ? (bytes / 1000 / median(walls)).toFixed(0) : '',
    seconds(median(own.rounds.map(cpu))),
    times(own, all, 'deadline-ssh, exec cat', wall),
    times(own, all, 'ssh2 with addon', wall),
    times(own, all, 'ssh2 with addon', cpu),
  ];
}
