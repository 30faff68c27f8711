/**
 * Law 4: whatever comes together with the end, or goes wrong in a listener, the end comes, once.
 */
import { describe, expect, it } from 'vitest';
import { checkEnd, clientCause } from './laws.ts';
import { World } from './world.ts';

describe('the end of a connection', () => {
  it('comes though data came in the same piece as the goodbye', async () => {
    const world = new World({ seed: 1, plan: { toServer: { join: 50 } } });
    const over = await world.play(async () => {
      await world.startServer();
      const client = await world.connect();
      const process = await client.exec('echo');
      process.stdin.write('never read');
      process.stdin.end();
      await world.call('close', () => client.close());
    });
    checkEnd(world, over);
  });

  it('leaves to the consumer what came ahead of it', async () => {
    const world = new World({
      seed: 1,
      plan: { toClient: { join: 50 } },
      server: {
        exec: (process) => {
          process.stdout.write('last words');
          return new Promise(() => {});
        },
      },
    });
    let text = '';
    const over = await world.play(async () => {
      const server = await world.startServer();
      const client = await world.connect();
      const process = await client.exec('speak');
      await server.connections()[0]?.close();
      process.stdout.on('data', (chunk) => {
        text += String(chunk);
      });
      await client.closed;
    });
    checkEnd(world, over);
    expect(text).toBe('last words');
  });

  it('comes when a listener of the caller throws', async () => {
    const world = new World({ seed: 1 });
    const fault = new Error('no paper');
    const over = await world.play(async () => {
      await world.startServer();
      await world.call('connect', () =>
        world.connect({
          onBanner: () => {
            throw fault;
          },
        }),
      );
    });
    expect(over).toBe(true);
    expect(world.clock.liveTimers).toBe(0);
    expect(world.live()).toEqual([]);
    expect(world.calls[0]?.error).toBe(fault);
    expect(clientCause(world)).toMatchObject({ code: 'ERR_SSH_CALLBACK', cause: fault });
  });
});
