/**
 * Windows over a link with delay: how much of it one channel fills.
 */
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const bytesPerMillisecond = 12_500;
const total = 16 * 1024 * 1024;

/** Milliseconds for `total` bytes from the server, over what the bare link takes. */
async function utilisation(delay: number): Promise<number> {
  let received = 0;
  let elapsed = 0;
  const direction = { delay, bytesPerMillisecond, capacity: 16 * 1024 * 1024 };
  const world = new World({
    seed: 1,
    plan: { toServer: direction, toClient: direction },
    server: {
      exec: async (process) => {
        const piece = new Uint8Array(64 * 1024);
        for (let sent = 0; sent < total; sent += piece.length) {
          if (!process.stdout.write(piece)) {
            await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()));
          }
        }
        return 0;
      },
    },
  });
  const over = await world.play(async () => {
    await world.startServer();
    const client = await world.connect();
    const started = world.clock.now();
    const process = await client.exec('flood');
    process.stderr.resume();
    for await (const chunk of process.stdout) received += (chunk as Buffer).length;
    elapsed = world.clock.now() - started;
    await client.close();
  });
  expect(over).toBe(true);
  expect(received).toBe(total);
  return total / bytesPerMillisecond / elapsed;
}

describe('a window of 2 MiB over a link of 100 Mbit/s', () => {
  it('fills nearly all of it with 10 ms each way', async () => {
    expect(await utilisation(10)).toBeGreaterThan(0.9);
  });

  it('gets a window a round trip with 100 ms each way, less what crediting by halves costs', async () => {
    const window = 2 * 1024 * 1024;
    const ideal = Math.min(1, window / (200 * bytesPerMillisecond));
    const reached = await utilisation(100);
    expect(reached).toBeGreaterThan(0.6 * ideal);
    expect(reached).toBeLessThanOrEqual(1);
  });
});
