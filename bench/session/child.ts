/**
 * One library in a process of its own, which does one job.
 *
 * Argument: a job as JSON. Prints what it measured as JSON.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Target } from '../lib/sshd.ts';
import { type Algorithms, type Library, type LibraryName, load, type Session } from './libraries.ts';
import { type Measured, run, type TaskName, verify } from './tasks.ts';

export type Job = {
  readonly library: LibraryName;
  readonly target: Target;
  readonly algorithms: Algorithms;
} & (
  | {
      readonly kind: 'task';
      readonly task: TaskName;
      readonly amount: number;
      /** How much is moved before the clock starts: as much as is timed where not given, 0 for the first of a process. */
      readonly before?: number | undefined;
    }
  | { readonly kind: 'handshakes'; readonly count: number }
  | { readonly kind: 'idle'; readonly count: number }
);

/** Of one idle connection, in bytes. */
export interface IdleMemory {
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const library = await load(job.library);
process.stdout.write(JSON.stringify(await doJob()));

async function doJob(): Promise<Measured | IdleMemory> {
  switch (job.kind) {
    case 'task':
      return task(library, job.task, job.amount, job.before ?? job.amount);
    case 'handshakes':
      return handshakes(library, job.count);
    case 'idle':
      return idle(library, job.count);
    default:
      throw new Error(`there is no job ${job satisfies never}`);
  }
}

async function task(from: Library, name: TaskName, amount: number, before: number): Promise<Measured> {
  const session = await from.connect(job.target, job.algorithms);
  // Compiles what is hot, which takes the engine some hundred MB: a long transfer is to be measured, not the start of one.
  if (before > 0) {
    await verify(session);
    await run(name, session, before);
  }
  const measured = await run(name, session, amount);
  await session.close();
  return measured;
}

/** Connections one after the other, each with a command run to prove that it works. */
async function handshakes(from: Library, count: number): Promise<Measured> {
  const dial = async (): Promise<void> => {
    const session = await from.connect(job.target, job.algorithms);
    await session.close();
  };
  const proof = await from.connect(job.target, job.algorithms);
  await verify(proof);
  await proof.close();
  // Code that the engine has not compiled yet is most of what the first ones cost.
  for (let i = 0; i < Math.min(50, count); i++) await dial();
  const start = performance.now();
  const cpu = process.cpuUsage();
  for (let i = 0; i < count; i++) await dial();
  const { user, system } = process.cpuUsage(cpu);
  return {
    bytes: 0,
    operations: count,
    milliseconds: performance.now() - start,
    cpuMilliseconds: (user + system) / 1000,
  };
}

/** What connections that have run a command hold on to. */
async function idle(from: Library, count: number): Promise<IdleMemory> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const settled = async (): Promise<NodeJS.MemoryUsage> => {
    for (let i = 0; i < 4; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return process.memoryUsage();
  };
  const open = async (): Promise<Session> => {
    const session = await from.connect(job.target, job.algorithms);
    const { stdin, stdout, status } = await session.exec('true');
    stdin.end();
    stdout.resume();
    if ((await status) !== 0) throw new Error('the command failed');
    return session;
  };
  const sessions: Session[] = [];
  // The first ones bring tables that all share, and code: each part of it that is compiled later would count as a connection's.
  for (let i = 0; i < Math.min(100, count); i++) sessions.push(await open());
  const before = await settled();
  for (let i = 0; i < count; i++) sessions.push(await open());
  const after = await settled();
  for (const session of sessions) await session.close();
  return {
    heap: (after.heapUsed - before.heapUsed) / count,
    external: (after.external - before.external) / count,
    resident: (after.rss - before.rss) / count,
  };
}
