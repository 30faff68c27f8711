/**
 * What a long transfer and a long listing hold at their most, in a process of its own.
 *
 * Argument: a job as JSON. Prints the peak above the idle client as JSON.
 */
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface MemoryJob {
  readonly port: number;
  readonly username: string;
  /** Undefined for a server that asks for none. */
  readonly privateKey: string | undefined;
  readonly kind: 'get' | 'list';
  /** The file or the folder. */
  readonly remote: string;
  /** Bytes or entries that have to come. */
  readonly amount: number;
}

export interface PeakMemory {
  /** Bytes of the whole process beyond those before the work. */
  readonly resident: number;
  /** The same of the heap and of what hangs on it. */
  readonly heap: number;
  readonly milliseconds: number;
}

const job = JSON.parse(process.argv[2] ?? '') as MemoryJob;
const published = new URL('../../../../dist/entry/index.js', import.meta.url).href;
const { acceptAnyHostKey, connect } = (await import(published)) as typeof import('../../src/entry/index.ts');
await using client = await connect({
  host: '127.0.0.1',
  port: job.port,
  username: job.username,
  verifyHostKey: acceptAnyHostKey(),
  algorithms: { cipher: ['aes128-gcm@openssh.com'] },
  ...(job.privateKey === undefined
    ? { auth: ['none'] as const }
    : { privateKey: readFileSync(job.privateKey) }),
});
const sftp = await client.sftp();
await sftp.stat(job.remote);
setFlagsFromString('--expose-gc');
(runInNewContext('gc') as () => void)();

const hold = ({ heapUsed, external }: NodeJS.MemoryUsage): number => heapUsed + external;
const idle = process.memoryUsage();
let peak = { resident: idle.rss, heap: hold(idle) };
const look = (): void => {
  const now = process.memoryUsage();
  peak = { resident: Math.max(peak.resident, now.rss), heap: Math.max(peak.heap, hold(now)) };
};
const timer = setInterval(look, 5);
const start = performance.now();
const came = job.kind === 'get' ? await slowGet() : await list();
clearInterval(timer);
if (came !== job.amount) throw new Error(`${came} of ${job.amount} came`);
const measured: PeakMemory = {
  resident: peak.resident - idle.rss,
  heap: peak.heap - hold(idle),
  milliseconds: performance.now() - start,
};
process.stdout.write(JSON.stringify(measured));

/** A consumer that rests for 10 ms after each 4 MiB: what comes meanwhile has to wait somewhere. */
async function slowGet(): Promise<number> {
  let received = 0;
  let untilRest = 0;
  const slow = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      received += chunk.length;
      untilRest += chunk.length;
      if (untilRest < 4 * 1024 * 1024) return done();
      untilRest = 0;
      setTimeout(done, 10);
    },
  });
  await sftp.get(job.remote, slow);
  return received;
}

async function list(): Promise<number> {
  let entries = 0;
  for await (const _entry of sftp.opendir(job.remote)) entries++;
  return entries;
}
