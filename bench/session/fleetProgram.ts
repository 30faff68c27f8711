/**
 * Many dials in a process of its own: for the parts `cold` (one, with a command) and `fleet`.
 *
 * Argument: a `FleetJob` as JSON. Prints what it measured as JSON.
 */
import type { Target } from '../lib/sshd.ts';
import { type Algorithms, type LibraryName, load } from './libraries.ts';
import type { Measured } from './tasks.ts';

export interface FleetJob {
  readonly library: LibraryName;
  readonly target: Target;
  readonly algorithms: Algorithms;
  readonly knownHosts?: string | undefined;
  readonly count: number;
  readonly atOnce: number;
  /** What each connection runs to prove that it works; nothing where not given. */
  readonly command?: string | undefined;
}

const job = JSON.parse(process.argv[2] ?? '') as FleetJob;
const library = await load(job.library);
const start = performance.now();
const cpu = process.cpuUsage();
let left = job.count;
await Promise.all(Array.from({ length: job.atOnce }, lane));
const { user, system } = process.cpuUsage(cpu);
const measured: Measured = {
  bytes: 0,
  operations: job.count,
  milliseconds: performance.now() - start,
  cpuMilliseconds: (user + system) / 1000,
};
process.stdout.write(JSON.stringify(measured));

async function lane(): Promise<void> {
  while (left-- > 0) {
    const session = await library.connect(job.target, job.algorithms, job.knownHosts);
    if (job.command !== undefined) {
      const { stdin, stdout, status } = await session.exec(job.command);
      stdin.end();
      stdout.resume();
      if ((await status) !== 0) throw new Error('the command failed');
    }
    await session.close();
  }
}
