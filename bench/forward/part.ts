/**
 * Part 10: a forward from a local port, through a real sshd.
 *
 * Owns: the loads and their amounts, the rounds, the table.
 * Must not know: how a contestant forwards.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { type Sshd, startSshd } from '../lib/sshd.ts';
import { interleave, type Rounds, times } from '../session/jobs.ts';
import { Contestant, type ContestantName, contestantNames } from './contestants.ts';
import { download, manyAtOnce, Place, shortConnections, upload, verify } from './load.ts';

export type ForwardLoad = 'download' | 'upload' | '50 ms, down' | '50 ms, up' | 'short' | 'at once';

/** What one load came to, in one round. */
export interface ForwardMeasured {
  /** Moved, or 0. */
  readonly bytes: number;
  readonly connections: number;
  readonly milliseconds: number;
  /** Of the process that forwards. */
  readonly cpuMilliseconds: number;
  /** Connections without their answer. */
  readonly lost: number;
  /** Sockets that the process still held when all was over. */
  readonly left: number;
  /** Bytes of memory that it took on top of what it had. */
  readonly memory: number;
}

export interface ForwardResult {
  readonly cipher: string;
  readonly load: ForwardLoad;
  readonly server: string;
  readonly measured: readonly Rounds<ForwardMeasured>[];
}

const program = fileURLToPath(new URL('./path.js', import.meta.url));
const ciphers = ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com'];
/** Milliseconds one way, and the rate of the path in bytes a second: less than a window of 2 MiB allows at 50 ms. */
const [delay, rate] = [25, 40_000_000];
const shortAtOnce = 32;
// ssh2 waits 40 ms for each turn of its channel: it does a part of the short ones.

/** `filters`: parts of the name of a load or a cipher that all have to be there. */
export async function forwardPart(quick: boolean, filters: readonly string[]): Promise<void> {
  const chosen = (cipher: string, load: ForwardLoad): boolean =>
    filters.every((word) => `${cipher} ${load}`.includes(word));
  const amounts = quick
    ? { bulk: 16 << 20, far: 8 << 20, short: 200, slow: 50, atOnce: 50 }
    : { bulk: 256 << 20, far: 128 << 20, short: 10_000, slow: 500, atOnce: 1_000 };
  const rounds = quick ? 1 : 3;
  const results: ForwardResult[] = [];
  const sshd = await startSshd();
  const place = await Place.start();
  try {
    for (const cipher of quick ? ciphers.slice(0, 1) : ciphers) {
      const byName = await startAll(sshd, cipher, place);
      const measure = async (
        load: ForwardLoad,
        own: ReadonlyMap<ContestantName, Contestant>,
        run: (contestant: Contestant) => Promise<ForwardMeasured>,
      ): Promise<void> => {
        if (!chosen(cipher, load)) return;
        const measured = await interleave(
          [...own.values()].map((contestant) => ({
            name: contestant.name,
            run: () => run(contestant),
          })),
          rounds,
        );
        results.push({ cipher, load, server: sshd.version, measured });
      };
      try {
        for (const [load, move] of [
          ['download', download],
          ['upload', upload],
        ] as const) {
          await measure(load, byName, (contestant) => bulk(contestant, move, amounts.bulk));
        }
        // What is long or opens connections says nothing of a cipher.
        if (cipher !== ciphers[0]) continue;
        await measure('short', byName, (contestant) =>
          short(contestant, contestant.name.startsWith('ssh2') ? amounts.slow : amounts.short),
        );
        await measure('at once', byName, (contestant) => atOnce(contestant, amounts.atOnce));
      } finally {
        for (const contestant of byName.values()) contestant.stop();
      }
      const path = await startPath(sshd);
      const far = await startAll({ ...sshd, port: path.port }, cipher, place);
      try {
        await measure('50 ms, down', far, (contestant) => bulk(contestant, download, amounts.far));
        await measure('50 ms, up', far, (contestant) => bulk(contestant, upload, amounts.far));
      } finally {
        for (const contestant of far.values()) contestant.stop();
        path.stop();
      }
    }
  } finally {
    place.stop();
    sshd.stop();
  }
  printTable(
    `10. A forward through ${results[0]?.server ?? 'sshd'}`,
    [
      'cipher',
      'load',
      'by',
      'MB/s',
      'CPU s/GB',
      'connections/s',
      'CPU ms each',
      'lost',
      'left',
      'memory, MB',
      '× ssh -L',
      'CPU: ssh2 with addon ÷',
    ],
    results.flatMap((result) => result.measured.map((own) => rowOf(result, own))),
  );
  writeResults('forward', results);
  check(results);
}

/** Megabytes that this library may grow by for each thousand connections at once. */
const memoryAtOnce = 256;

/** What has to be so on every machine; figures of time are for readers. */
function check(results: readonly ForwardResult[]): void {
  for (const { load, measured } of results) {
    const own = measured.find(({ name }) => name === 'deadline-ssh');
    for (const { lost, left, memory } of own?.rounds ?? []) {
      if (lost > 0 || left > 0) throw new Error(`${load}: ${lost} connections lost, ${left} left open`);
      if (memory > memoryAtOnce * 1e6) throw new Error(`${load}: it grew by ${Math.round(memory / 1e6)} MB`);
    }
  }
}

async function startAll(
  target: Sshd,
  cipher: string,
  place: Place,
): Promise<Map<ContestantName, Contestant>> {
  const started = new Map<ContestantName, Contestant>();
  for (const name of contestantNames) {
    try {
      const contestant = await Contestant.start(name, {
        target,
        algorithms: { kex: 'curve25519-sha256', cipher },
        to: place.port,
      });
      started.set(name, contestant);
      await verify(contestant.port);
    } catch (error) {
      console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      started.get(name)?.stop();
      started.delete(name);
    }
  }
  return started;
}

async function startPath({ port }: Sshd): Promise<{ readonly port: number; stop(): void }> {
  const child = spawn(process.execPath, [program, String(port), String(delay), String(rate)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk) => resolve(String(chunk)));
    child.once('exit', () => reject(new Error('the path ended')));
  });
  return { port: (JSON.parse(line) as { readonly port: number }).port, stop: () => child.kill() };
}

const nothing = { bytes: 0, connections: 1, lost: 0, left: 0, memory: 0 };

async function bulk(
  contestant: Contestant,
  move: (port: number, bytes: number) => Promise<number>,
  bytes: number,
): Promise<ForwardMeasured> {
  // What is hot is compiled meanwhile.
  await move(contestant.port, bytes >> 2);
  const before = contestant.cpuMilliseconds;
  const milliseconds = await move(contestant.port, bytes);
  return { ...nothing, bytes, milliseconds, cpuMilliseconds: contestant.cpuMilliseconds - before };
}

async function short(contestant: Contestant, count: number): Promise<ForwardMeasured> {
  await shortConnections(contestant.port, count >> 2, shortAtOnce);
  const [sockets, before] = [contestant.sockets, contestant.cpuMilliseconds];
  const { milliseconds, lost } = await shortConnections(contestant.port, count, shortAtOnce);
  const cpuMilliseconds = contestant.cpuMilliseconds - before;
  return {
    ...nothing,
    connections: count,
    milliseconds,
    cpuMilliseconds,
    lost,
    left: await leftOf(contestant, sockets),
  };
}

async function atOnce(contestant: Contestant, count: number): Promise<ForwardMeasured> {
  await manyAtOnce(contestant.port, count >> 2, () => {});
  const sockets = contestant.sockets;
  const { now } = contestant.memory;
  const before = contestant.cpuMilliseconds;
  contestant.forgetPeak();
  const began = performance.now();
  let milliseconds = 0;
  const answered = await manyAtOnce(contestant.port, count, () => {
    milliseconds = performance.now() - began;
  });
  return {
    ...nothing,
    connections: count,
    milliseconds,
    cpuMilliseconds: contestant.cpuMilliseconds - before,
    lost: count - answered,
    left: await leftOf(contestant, sockets),
    memory: Math.max(0, contestant.memory.peak - now),
  };
}

/** Sockets beyond those it had, once it has had a moment to close them. */
async function leftOf(contestant: Contestant, before: number): Promise<number> {
  const until = performance.now() + 2_000;
  while (contestant.sockets > before && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Math.max(0, contestant.sockets - before);
}

/** For each byte or connection: not everybody does as many. */
const wall = (one: ForwardMeasured): number => one.milliseconds / (one.bytes || one.connections);
const cpu = (one: ForwardMeasured): number => one.cpuMilliseconds / (one.bytes || one.connections);

function rowOf({ cipher, load, measured }: ForwardResult, own: Rounds<ForwardMeasured>): string[] {
  const { rounds } = own;
  const moves = (rounds[0]?.bytes ?? 0) > 0;
  const sum = (figure: (one: ForwardMeasured) => number): number =>
    rounds.reduce((total, one) => total + figure(one), 0);
  return [
    cipher,
    load,
    own.name,
    moves ? (1 / 1000 / median(rounds.map(wall))).toFixed(0) : '',
    moves ? (1e6 * median(rounds.map(cpu))).toFixed(2) : '',
    moves ? '' : (1000 / median(rounds.map(wall))).toFixed(0),
    moves ? '' : median(rounds.map(cpu)).toFixed(3),
    moves ? '' : String(sum(({ lost }) => lost)),
    moves ? '' : String(sum(({ left }) => left)),
    load === 'at once' ? (median(rounds.map(({ memory }) => memory)) / 1e6).toFixed(1) : '',
    times(own, measured, 'ssh -L', wall),
    times(own, measured, 'ssh2 with addon', cpu),
  ];
}
