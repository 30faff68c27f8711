/**
 * Jobs in processes of their own, round by round.
 *
 * Owns: starting them, interleaving them, one line for one that fails.
 * Must not know: what the figures mean.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inLanes } from '../lib/lanes.ts';
import { ratio } from '../lib/measure.ts';
import type { NodeVersion } from '../lib/nodes.ts';
import type { Job } from './child.ts';
import type { LibraryName } from './libraries.ts';

const execute = promisify(execFile);
const child = fileURLToPath(new URL('./child.js', import.meta.url));

/** A stalled server or client costs its own row and this many milliseconds. */
const jobTimeout = 240_000;

export const libraryNames: readonly LibraryName[] = [
  'deadline-ssh',
  'deadline-ssh, noble',
  'ssh2 with addon',
  'ssh2 without',
];

/** @param node another than this one */
export function runJob<Result>(job: Job, node?: Pick<NodeVersion, 'path' | 'modules'>): Promise<Result> {
  return runProgram<Result>(node?.path ?? process.execPath, child, job, node?.modules);
}

/** @param modules where another Node looks for ssh2 */
export async function runProgram<Result>(
  node: string,
  program: string,
  job: object,
  modules?: string,
): Promise<Result> {
  const { stdout } = await execute(node, [program, JSON.stringify(job)], {
    maxBuffer: 1 << 24,
    timeout: jobTimeout,
    env: { ...process.env, ...(modules === undefined ? {} : { BENCH_MODULES: modules }) },
  });
  return JSON.parse(stdout) as Result;
}

/** Figures of one contestant, one for each round. */
export interface Rounds<Result> {
  readonly name: string;
  readonly rounds: readonly Result[];
}

/**
 * Lets all do the same, one after the other and again, in a new order each
 * round: what disturbs one disturbs all. One that fails says why, once, and is left out.
 */
export async function interleave<Result>(
  contestants: readonly { readonly name: string; readonly run: () => Promise<Result> }[],
  rounds: number,
): Promise<Rounds<Result>[]> {
  const results = contestants.map(({ name }) => ({ name, rounds: [] as Result[] }));
  const failed = new Set<number>();
  for (let round = 0; round < rounds; round++) {
    const order = contestants
      .map((_contestant, turn) => (turn + round) % contestants.length)
      .filter((index) => !failed.has(index));
    // One round is no measurement but a trial: it may as well be short.
    await inLanes(order, rounds === 1 ? 2 : 1, async (index) => {
      const { name, run } = contestants[index] as (typeof contestants)[number];
      try {
        (results[index] as { rounds: Result[] }).rounds.push(await run());
      } catch (error) {
        failed.add(index);
        console.error(`${name}: ${reasonOf(error)}`);
      }
    });
  }
  return results.filter((_result, index) => !failed.has(index));
}

function reasonOf(error: unknown): string {
  const { killed, stderr, message } = error as { killed?: boolean; stderr?: string; message?: string };
  if (killed === true) return `did not end within ${jobTimeout / 1000} s`;
  const lines = (stderr ?? message ?? String(error)).trim().split('\n');
  return lines.find((line) => line.includes('Error')) ?? lines.at(-1) ?? '';
}

/** `2.10 (1.95–2.30)`: how often ours fits into the peer's, round by round. Lower figures are better ones. */
export function times<Result>(
  own: Rounds<Result>,
  peers: readonly Rounds<Result>[],
  peer: string,
  figure: (result: Result) => number,
): string {
  const other = peers.find(({ name }) => name === peer);
  if (other === undefined || !own.name.startsWith('deadline-ssh')) return '';
  const of = (rounds: Rounds<Result>): { readonly rounds: readonly number[] } => ({
    rounds: rounds.rounds.map(figure),
  });
  const { median, low, high } = ratio(of(own), of(other));
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}
