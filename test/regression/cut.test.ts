/**
 * What was cut never looks complete, and what a closed client holds is handed out or freed.
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import type { Readable } from '../../src/endpoint/streams.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { pattern } from '../sim/random.ts';
import { patientServer, type World } from '../sim/world.ts';
import { memoryInUse } from '../support/heap.ts';
import { play } from '../support/scene.ts';

const KiB = 1024;
const length = 512 * KiB;

/** A server whose commands write half a mebibyte, and then wait. */
const writing: Partial<ServerOptions> = {
  ...patientServer,
  exec: async (process) => {
    process.stdout.write(pattern(length));
    await new Promise<void>((resolve) => process.signal.addEventListener('abort', () => resolve()));
    return 0;
  },
};

/** Bytes of arrays in use: what was received is in them, and code that is compiled meanwhile is not. */
function bytesInArrays(): number {
  memoryInUse();
  return process.memoryUsage().arrayBuffers;
}

async function read(stream: Readable): Promise<{ readonly bytes: Buffer; readonly how: unknown }> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of stream) pieces.push(piece as Buffer);
    return { bytes: Buffer.concat(pieces), how: 'end' };
  } catch (error) {
    return { bytes: Buffer.concat(pieces), how: error };
  }
}

const ends: Record<string, (client: Client, world: World, close: () => void) => void> = {
  'the connection is closed': (client) => void client.close(),
  'the connection is destroyed': (client) => client.destroy(),
  'the channel is closed': (_client, _world, close) => close(),
  'the server goes away': (_client, world) => {
    for (const connection of world.server?.connections() ?? []) connection.destroy();
  },
};

describe.each(Object.keys(ends))('a command whose output is read when %s', (how) => {
  const end = ends[how];
  if (end === undefined) throw new Error('no such end');

  it('has what is there, then an error, at whatever moment that is', async () => {
    for (const moment of [0, 1, 2, 3, 5, 9, 17, 60, 200]) {
      await play(
        async ({ client, world }) => {
          const process = await client.exec('write');
          const reading = read(process.stdout);
          await world.sleep(moment);
          end(client, world, () => void process.close());
          const result = await reading;
          expect(result.how).toBeInstanceOf(SshError);
          expect(result.bytes.length).toBeLessThan(length);
          expect(result.bytes.equals(pattern(length).subarray(0, result.bytes.length))).toBe(true);
          await client.close().catch(() => {});
        },
        // A kilobyte a millisecond.
        { server: writing, plan: { toClient: { bytesPerMillisecond: KiB, delay: 1 } } },
      );
    }
  }, 240_000);

  it('has all that came before, where nobody read until then', async () => {
    await play(
      async ({ client, world }) => {
        const process = await client.exec('write');
        await world.sleep(10_000);
        expect(client.inspect().channels[0]?.unread).toBe(length);
        end(client, world, () => void process.close());
        await world.sleep(10_000);
        const { bytes, how: cut } = await read(process.stdout);
        expect(bytes.equals(pattern(length))).toBe(true);
        expect(cut).toBeInstanceOf(SshError);
        await client.close().catch(() => {});
      },
      { server: writing },
    );
  });
});

describe('a channel that is closed and whose server never answers that', () => {
  it('gives what came before, and its end where that had come', async () => {
    await play(
      async ({ client, world, core }) => {
        const cut = await client.exec('write');
        const whole = await client.exec('whole');
        await world.sleep(10_000);
        core.connection.messages.sendClose = () => {};
        await Promise.all([cut.close(), whole.close()]);
        const [first, second] = [await read(cut.stdout), await read(whole.stdout)];
        expect(first.bytes.equals(pattern(length))).toBe(true);
        expect(first.how).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED', origin: 'user' });
        expect([second.bytes.length, second.how]).toEqual([length, 'end']);
        // Their numbers stay taken, and what they held is the readers'.
        expect(client.inspect().channels.map(({ unread }) => unread)).toEqual([0, 0]);
      },
      {
        server: {
          ...writing,
          exec: async (process, command) => {
            process.stdout.write(pattern(length));
            if (command === 'whole') {
              process.stdout.end();
              process.stderr.end();
            }
            await new Promise<void>((resolve) => process.signal.addEventListener('abort', () => resolve()));
            return 0;
          },
        },
      },
    );
  });
});

describe('a client that is over', () => {
  /** What is held when the client is over, and `keep` of a command whose output nobody read. */
  async function heldBy(
    over: (client: Client) => void,
    keep: (process: { readonly stdout: Readable }) => unknown,
  ): Promise<{ readonly held: number; readonly kept: unknown; readonly client: Client }> {
    let result: { held: number; kept: unknown; client: Client } | undefined;
    await play(
      async ({ client, world }) => {
        const before = bytesInArrays();
        const kept = await (async () => {
          const process = await client.exec('write');
          await world.sleep(10_000);
          return keep(process);
        })();
        const full = bytesInArrays() - before;
        expect(full).toBeGreaterThan(length - 100 * KiB);
        over(client);
        await client.closed;
        // Callbacks of the moment hold what they are called for until they have returned.
        await world.sleep(1);
        result = { held: bytesInArrays() - before, kept, client };
      },
      { server: writing },
    );
    if (result === undefined) throw new Error('the story did not end');
    return result;
  }

  it.each([
    ['closed', (client: Client) => void client.close()],
    ['destroyed', (client: Client) => client.destroy()],
  ])('keeps nothing unread for those who only keep the client: %s', async (_, over) => {
    const { held, client } = await heldBy(over, () => undefined);
    // A page of the sealer that made the packets is there for the next connection.
    expect(held).toBeLessThan(length / 4);
    expect(client.inspect().channels).toEqual([]);
  });

  it('keeps it for those who keep the stream', async () => {
    const { held, kept } = await heldBy(
      (client) => void client.close(),
      ({ stdout }) => stdout,
    );
    expect(held).toBeGreaterThan(length - 100 * KiB);
    expect((await read(kept as Readable)).bytes.equals(pattern(length))).toBe(true);
  });
});
