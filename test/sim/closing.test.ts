/**
 * `close()`: what was written is sent, however small the window, or the deadline says that it was not.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import type { Client } from '../../src/client/client.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { playIn } from '../support/scene.ts';
import { checkEnd } from './laws.ts';
import { quickPlans } from './plans.ts';
import { pattern } from './random.ts';
import { patience, rekeyBy, rekeyPlans } from './rekeys.ts';
import { patientServer, World } from './world.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/** Windows of a byte and more, and several of them to be written. */
const writings = fc.oneof(
  fc.record({
    windowSize: fc.integer({ min: 1, max: 8 }),
    pieces: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 }),
  }),
  fc.record({
    windowSize: fc.integer({ min: 9, max: 3000 }),
    pieces: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 8 }),
  }),
);

/** A server that keeps what comes on each channel, at its own pace. */
function keeper(pace = 0): {
  readonly kept: Map<string, Buffer>;
  readonly ended: string[];
  readonly exec: NonNullable<ServerOptions['exec']>;
} {
  const kept = new Map<string, Buffer>();
  const ended: string[] = [];
  return {
    kept,
    ended,
    exec: async (process, command) => {
      const pieces: Buffer[] = [];
      process.stdin.on('end', () => ended.push(command));
      for await (const chunk of process.stdin) {
        pieces.push(chunk as Buffer);
        kept.set(command, Buffer.concat(pieces));
        if (pace > 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return 0;
    },
  };
}

describe('close', () => {
  it.each([
    [32 * 1024, 1_000_000],
    [1, 700],
    [100, 30_000],
  ])('sends all that was written through a window of %i bytes (%i bytes)', async (windowSize, length) => {
    const { kept, ended, exec } = keeper();
    const limits = { windowSize, maximumWindowSize: windowSize };
    await playIn(new World({ seed: 1, server: { limits } }), async (world) => {
      await world.startServer({ exec });
      const client = await world.connect();
      const { stdin } = await client.exec('keep');
      stdin.end(pattern(length));
      const begun = world.clock.now();
      await client.close();
      expect(world.clock.now() - begun).toBeLessThan(defaultTimeouts.close);
      expect(await client.closed).toMatchObject({ code: 'ERR_SSH_CLOSED' });
      // What the network still carries arrives.
      await world.sleep(1000);
      expect(kept.get('keep')?.equals(pattern(length))).toBe(true);
      expect(ended).toEqual(['keep']);
    });
  });

  it('sends it in whatever pieces it was written, on any wire, over exchanges of keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        quickPlans,
        writings,
        fc.integer({ min: 1, max: 3 }),
        rekeyPlans,
        async (seed, plan, { windowSize, pieces }, channels, rekeys) => {
          const { kept, exec } = keeper();
          const limits = { ...patience, windowSize, maximumWindowSize: windowSize };
          const { stop } = rekeyBy(rekeys);
          const timeouts = { close: 600_000 };
          const world = new World({ seed, plan, server: { limits, timeouts } });
          const written = Buffer.concat(pieces.map((length, index) => pattern(length, index)));
          const over = await world.play(async () => {
            await world.startServer({ exec });
            const client = await world.connect({ limits: patience, timeouts });
            const begun = await Promise.all(
              Array.from({ length: channels }, (_, index) => client.exec(`keep ${index}`)),
            );
            for (const { stdin } of begun) {
              for (const [index, length] of pieces.entries()) stdin.write(pattern(length, index));
            }
            await world.call('close', () => client.close());
          });
          stop();
          checkEnd(world, over);
          expect(world.calls[0]?.outcome).toBe('fulfilled');
          for (let index = 0; index < channels; index++) {
            const got = kept.get(`keep ${index}`) ?? Buffer.alloc(0);
            expect(got.equals(written), `channel ${index}`).toBe(true);
          }
        },
      ),
      { numRuns: 15 },
    );
  }, 120_000);

  /** What `close` came to where a server never opens the window again. */
  async function closedUnsent(
    write: (client: Client) => Promise<void>,
  ): Promise<{ readonly outcome: unknown; readonly took: number; readonly cause: unknown }> {
    let result: { outcome: unknown; took: number; cause: unknown } | undefined;
    await playIn(new World({ seed: 1, server: patientServer }), async (world) => {
      await world.startServer({
        exec: (process) =>
          new Promise((resolve) => process.signal.addEventListener('abort', () => resolve(0))),
      });
      const client = await world.connect();
      await write(client);
      const begun = world.clock.now();
      const outcome = await client.close().then(
        () => 'fulfilled',
        (error: unknown) => error,
      );
      result = { outcome, took: world.clock.now() - begun, cause: await client.closed };
    });
    if (result === undefined) throw new Error('the story did not end');
    return result;
  }

  it('rejects with ERR_SSH_TIMEOUT where the peer does not take it, and says how much', async () => {
    let writing: Promise<unknown> = Promise.resolve();
    const { outcome, took, cause } = await closedUnsent(async (client) => {
      const { stdin } = await client.exec('wait');
      writing = new Promise((resolve) => {
        stdin.write(pattern(3 * 1024 * 1024), resolve);
      });
    });
    expect(outcome).toBe(cause);
    expect(took).toBe(defaultTimeouts.close);
    expect(cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'close',
      origin: 'deadline',
      waitingFor: 'close',
      deadline: defaultTimeouts.close,
    });
    // The window had 2 MiB.
    expect((cause as Error).message).toContain(`${1024 * 1024} bytes were not sent`);
    expect(await writing).toBe(cause);
  });

  it('that nobody waits for is no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    await closedUnsent(async (client) => {
      const { stdin } = await client.exec('wait');
      stdin.write(pattern(3 * 1024 * 1024));
      void client.close();
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('waits for nothing that was given up: a command that was aborted, a channel that was closed', async () => {
    const { outcome, took } = await closedUnsent(async (client) => {
      const aborter = new AbortController();
      const aborted = await client.exec('wait', { signal: aborter.signal });
      aborted.stdin.write(pattern(3 * 1024 * 1024));
      aborter.abort();
      const closed = await client.exec('wait');
      closed.stdin.write(pattern(3 * 1024 * 1024));
      void closed.close();
    });
    expect([outcome, took]).toEqual(['fulfilled', 0]);
  });

  it('rejects with the cause where the connection was lost before all was sent', async () => {
    await playIn(new World({ seed: 1, server: patientServer }), async (world) => {
      await world.startServer({ exec: () => new Promise(() => {}) });
      const client = await world.connect();
      const { stdin } = await client.exec('wait');
      stdin.write(pattern(3 * 1024 * 1024));
      const closing = client.close();
      await world.sleep(1000);
      for (const connection of world.server?.connections() ?? []) connection.destroy();
      await expect(closing).rejects.toBe(await client.closed);
      expect((await client.closed).code).toMatch(/^ERR_SSH_(DISCONNECTED|CONNECTION_LOST)$/);
      // Once it is over there is nothing to close.
      await expect(client.close()).rejects.toBe(await client.closed);
    });
  });

  it('of a connection that ended before resolves', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      await world.startServer();
      const client = await world.connect();
      for (const connection of world.server?.connections() ?? []) connection.destroy();
      await client.closed;
      await expect(client.close()).resolves.toBeUndefined();
    });
  });

  it('is outrun by destroy, which waits for nothing', async () => {
    await playIn(new World({ seed: 1, server: patientServer }), async (world) => {
      await world.startServer({ exec: () => new Promise(() => {}) });
      const client = await world.connect();
      const { stdin } = await client.exec('wait');
      stdin.write(pattern(3 * 1024 * 1024));
      const closing = client.close();
      await world.sleep(10);
      client.destroy();
      await expect(closing).resolves.toBeUndefined();
      expect(world.clock.now()).toBeLessThan(defaultTimeouts.close);
    });
  });

  it('of a server sends what its handlers wrote', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      const server = await world.startServer({
        exec: async (process) => {
          process.stdout.write(pattern(1_000_000));
          await new Promise(() => {});
          return 0;
        },
      });
      const limits = { windowSize: 32 * 1024, maximumWindowSize: 32 * 1024 };
      const client = await world.connect({ limits });
      const { stdout } = await client.exec('any');
      const pieces: Buffer[] = [];
      stdout.on('data', (piece: Buffer) => pieces.push(piece));
      await server.close();
      await client.closed;
      expect(Buffer.concat(pieces).equals(pattern(1_000_000))).toBe(true);
    });
  });
});
