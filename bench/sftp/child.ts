/**
 * One library in a process of its own, which moves files once.
 *
 * Argument: a job as JSON. Prints what it measured as JSON. The connection is made and a
 * smaller transfer of the same kind has gone through before the clock runs: that one is
 * checked, and the engine has compiled what is hot.
 */
import type { Target } from '../lib/sshd.ts';
import type { Measured } from '../session/tasks.ts';
import { type FileLibraryName, type FileSession, openSession } from './libraries.ts';
import { hashOfNames, type WorkKind } from './work.ts';

export interface FileJob {
  readonly library: FileLibraryName;
  readonly target: Target;
  readonly kind: WorkKind;
  readonly source: string;
  readonly destination: string;
  /** The same, smaller, for the first transfer. */
  readonly trial: { readonly source: string; readonly destination: string };
  /** What the names of a list have to be, as one hash. */
  readonly names: string;
}

const job = JSON.parse(process.argv[2] ?? '') as FileJob;
const session = await openSession(job.library, job.target);
await work(session, job.trial.source, job.trial.destination);
const start = performance.now();
const cpu = process.cpuUsage();
const names = await work(session, job.source, job.destination);
const { user, system } = process.cpuUsage(cpu);
const measured: Measured = {
  bytes: 0,
  operations: 1,
  milliseconds: performance.now() - start,
  cpuMilliseconds: (user + system) / 1000,
};
if (job.kind === 'list' && hashOfNames(names ?? []) !== job.names) throw new Error('other names came');
await session.close();
process.stdout.write(JSON.stringify(measured));

async function work(
  by: FileSession,
  source: string,
  destination: string,
): Promise<readonly string[] | undefined> {
  switch (job.kind) {
    case 'get':
      await by.get(source, destination);
      return undefined;
    case 'put':
      await by.put(source, destination);
      return undefined;
    case 'get tree':
      await by.getTree?.(source, destination);
      return undefined;
    case 'put tree':
      await by.putTree?.(source, destination);
      return undefined;
    case 'list':
      return by.list?.(source);
    default:
      throw new Error(`there is no work ${job.kind satisfies never}`);
  }
}
