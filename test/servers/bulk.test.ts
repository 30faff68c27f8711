/**
 * A gigabyte each way on each server, with its hash checked and memory flat,
 * and a consumer that stops reading.
 *
 * The rates are printed and not judged: the machine has other things to do.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { beforeAll, expect, it } from 'vitest';
import type { Client } from '../../src/entry/index.ts';
import { defaultLimits } from '../../src/entry/index.ts';
import { memoryInUse } from '../support/heap.ts';
import { describeEachServer, setupTimeout, type TestServer } from '../support/servers/index.ts';

const blockLength = 64 * 1024 * 1024;
const blocks = 16;
const total = blockLength * blocks;
/** One transfer, on a machine that is busy with others. */
const transferTimeout = 120_000;
/**
 * Bytes by which what is in use may grow while a gigabyte goes through: a window
 * that grew to its limit, and output that waits. Garbage is collected first, so
 * none of it counts. Measured were 1.4 MB. A byte that is kept of each fifty
 * shows; less than that would be missed.
 */
const allowedGrowth = defaultLimits.maximumWindowSize + defaultLimits.outputQueue;
/** Looked at so many times in the course of a transfer. */
const looks = 16;

const block = randomBytes(blockLength);
const expectedHash = hashOfAll();

function hashOfAll(): string {
  const hash = createHash('sha256');
  for (let i = 0; i < blocks; i++) hash.update(block);
  return hash.digest('hex');
}

/** Runs a transfer, prints its rate, and holds it to flat memory. */
async function measured(
  name: string,
  transfer: (sample: (bytes: number) => void) => Promise<void>,
): Promise<void> {
  const before = memoryInUse();
  const held: number[] = [];
  const sample = (bytes: number): void => {
    if (bytes >= ((held.length + 1) * total) / looks) held.push(memoryInUse() - before);
  };
  const start = performance.now();
  const { user, system } = process.cpuUsage();
  await transfer(sample);
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage();
  const used = (cpu.user - user + cpu.system - system) / 1e6;
  const shown = held.map((bytes) => (bytes / 1e6).toFixed(1)).join(' ');
  console.info(
    `${name}: ${(total / 1e6 / seconds).toFixed(0)} MB/s, ${((used / total) * 1e9).toFixed(2)} CPU s/GB, MB more in use: ${shown}`,
  );
  expect(held).toHaveLength(looks);
  expect(Math.max(...held)).toBeLessThan(allowedGrowth);
}

async function download(client: Client, file: string, sample: (bytes: number) => void): Promise<string> {
  const files = Array.from({ length: blocks }, () => file).join(' ');
  const remote = await client.exec(`exec cat ${files}`);
  remote.stderr.resume();
  const hash = createHash('sha256');
  let received = 0;
  for await (const chunk of remote.stdout) {
    hash.update(chunk as Buffer);
    received += (chunk as Buffer).length;
    sample(received);
  }
  expect(received).toBe(total);
  expect((await remote.exit).code).toBe(0);
  return hash.digest('hex');
}

async function upload(client: Client, sample: (bytes: number) => void): Promise<string> {
  const remote = await client.exec('exec sha256sum');
  remote.stderr.resume();
  const step = 1024 * 1024;
  for (let sent = 0; sent < total; sent += step) {
    const offset = sent % blockLength;
    if (!remote.stdin.write(block.subarray(offset, offset + step))) await once(remote.stdin, 'drain');
    sample(sent + step);
  }
  remote.stdin.end();
  let output = '';
  for await (const chunk of remote.stdout) output += String(chunk);
  expect((await remote.exit).code).toBe(0);
  return output.slice(0, 64);
}

describeEachServer('a gigabyte', (kind, lab) => {
  let server: TestServer;
  let file: string;
  beforeAll(async () => {
    server = await kind.start(lab());
    file = lab().file(block);
  }, setupTimeout);

  it(
    'is downloaded whole, in flat memory',
    async () => {
      await using client = await server.connect();
      await measured(
        `download from ${kind.name}, ${client.negotiated.cipher.serverToClient}`,
        async (sample) => {
          expect(await download(client, file, sample)).toBe(expectedHash);
        },
      );
    },
    transferTimeout,
  );

  it(
    'is uploaded whole, in flat memory',
    async () => {
      await using client = await server.connect();
      await measured(`upload to ${kind.name}, ${client.negotiated.cipher.clientToServer}`, async (sample) => {
        expect(await upload(client, sample)).toBe(expectedHash);
      });
    },
    transferTimeout,
  );

  it(
    'waits at the server, no more than a window of it here, while nobody reads',
    async () => {
      await using client = await server.connect({ keepAlive: { interval: 200, maxMissed: 3 } });
      const remote = await client.exec(`exec cat ${file}`);
      remote.stderr.resume();
      remote.stdout.pause();
      const unread = (): number => client.inspect().channels[0]?.receiveWindow ?? -1;
      await expect.poll(unread, { timeout: 10_000 }).toBe(0);
      // Other channels and the connection itself are as quick as ever.
      expect((await client.run('echo meanwhile')).stdout).toBe('meanwhile\n');
      const [channel] = client.inspect().channels;
      expect(channel?.unread).toBeLessThanOrEqual(defaultLimits.windowSize);
      const hash = createHash('sha256');
      for await (const chunk of remote.stdout) hash.update(chunk as Buffer);
      expect(hash.digest('hex')).toBe(createHash('sha256').update(block).digest('hex'));
    },
    transferTimeout,
  );
});
