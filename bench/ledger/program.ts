/**
 * What the part runs in processes of their own: `serve`, or the measurement of
 * `stream` or `echo` at a port. Results go to the parent.
 */
import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { createServer } from '../../src/entry/server.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { packetSize, runSession } from './session.ts';
import { Tape } from './tape.ts';

/** Packets before those that are measured: the engine has compiled what it finds hot. */
const warmUp = { stream: 300_000, echo: 10_000 };

const [what = '', port = '0', packets = '0'] = process.argv.slice(2);

if (what === 'serve') await serve();
else if (what === 'stream' || what === 'echo') {
  process.send?.(await measure(what, Number(packets)), () => process.disconnect());
}

async function serve(): Promise<void> {
  const server = await createServer({
    hostKeys: generateKey('ed25519', { randomBytes: (length) => randomBytes(length) }),
    authentication: { none: () => true },
    exec: async (served, manner) => {
      const { stdin, stdout } = served;
      if (manner === 'echo') {
        for await (const chunk of stdin) stdout.write(chunk);
        return 0;
      }
      const data = new Uint8Array(1024 * packetSize);
      while (!served.signal.aborted) {
        if (!stdout.write(data)) await drained(stdout);
      }
      return 0;
    },
  });
  const address = await server.listen();
  process.send?.({ port: address.port });
  process.once('disconnect', () => void server.close());
}

/** Resolves when more may be written, or nothing more can be. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go).off('close', go);
      resolve();
    };
    stream.on('drain', go).on('close', go);
  });
}

/** Nanoseconds of CPU a packet costs in all, and those of the ledger's and the clock's part in it. */
async function measure(manner: 'stream' | 'echo', count: number): Promise<object> {
  const from = warmUp[manner];
  const plain = new Tape();
  let begun = process.cpuUsage();
  let used = 0;
  let total = 0;
  const over = new Error('enough');
  let first = 0;
  await runSession({
    port: Number(port),
    clock: plain.clock,
    waits: plain.waits,
    manner,
    came: (number) => {
      if (first === 0 && number >= from) {
        first = number;
        begun = process.cpuUsage();
      } else if (first > 0 && number >= first + count) {
        const { user, system } = process.cpuUsage(begun);
        used = 1000 * (user + system);
        total = number - first;
        throw over;
      }
    },
  });
  const tape = new Tape();
  let recorded = 0;
  first = 0;
  await runSession({
    port: Number(port),
    clock: tape.clock,
    waits: tape.waits,
    manner,
    came: (number) => {
      if (first === 0 && number >= from) {
        first = number;
        tape.recording = true;
      } else if (first > 0 && number >= first + Math.min(count, 100_000)) {
        tape.recording = false;
        recorded = number - first;
        throw over;
      }
    },
  });
  const perPacket = Object.fromEntries(
    Object.entries(tape.counts).map(([step, times]) => [step, times / recorded]),
  );
  return { manner, packets: total, packet: used / total, ledger: tape.cost() / recorded, perPacket };
}
