/** Listeners of the user's that throw while a stream of a connection delivers, and streams of the user's that throw. */
import { Duplex, PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { RemoteProcess } from '../../src/client/command/remoteProcess.ts';
import { failuresAreTyped, nothingIsLeft } from '../sim/laws.ts';
import { World } from '../sim/world.ts';
import { play, type Scene } from '../support/scene.ts';
import { type Uncaught, uncaughtIn } from '../support/uncaught.ts';

const boom = new Error('boom');

function fail(): never {
  throw boom;
}

/** Plays a story beside which another command runs; that one, and the connection, must not notice. */
async function beside(story: (scene: Scene) => Promise<void>): Promise<Uncaught> {
  return uncaughtIn(async () => {
    await play(async (scene) => {
      const { client } = scene;
      const other = await client.exec('echo');
      const heard: Buffer[] = [];
      other.stdout.on('data', (chunk: Buffer) => heard.push(chunk));
      other.stderr.resume();
      await story(scene);
      other.stdin.end('still here');
      expect(await other.exit).toMatchObject({ code: 0 });
      expect(String(Buffer.concat(heard))).toBe('still here');
      expect((await client.run('both')).code).toBe(3);
    });
  });
}

/** Surfaced as from any stream of Node: each throw once, as it was, and nothing else. */
function surfaced({ exceptions, rejections }: Uncaught, times: number): void {
  expect(rejections).toEqual([]);
  expect(exceptions).toHaveLength(times);
  for (const exception of exceptions) expect(exception).toBe(boom);
}

const echo = (scene: Scene): Promise<RemoteProcess> => scene.client.exec('echo');

describe('a listener that throws', () => {
  it('on data surfaces each time, and the stream goes on to its end', async () => {
    let chunks = 0;
    let bytes = 0;
    let isEnded = false;
    const uncaught = await beside(async (scene) => {
      const process = await echo(scene);
      process.stderr.resume();
      process.stdout.on('end', () => {
        isEnded = true;
      });
      process.stdout.on('data', (chunk: Buffer) => {
        chunks++;
        bytes += chunk.length;
        fail();
      });
      for (let i = 0; i < 3; i++) {
        process.stdin.write(new Uint8Array(100_000));
        await scene.world.sleep(10);
      }
      process.stdin.end();
      expect((await process.exit).code).toBe(0);
      await scene.world.sleep(1);
    });
    expect({ bytes, isEnded }).toEqual({ bytes: 300_000, isEnded: true });
    expect(chunks).toBeGreaterThan(1);
    surfaced(uncaught, chunks);
  });

  it('on data of a forwarded connection concerns nobody else', async () => {
    const uncaught = await beside(async ({ client, world }) => {
      const stream = await client.openTcp('host', 7);
      stream.on('data', fail);
      stream.write('ping');
      await world.sleep(10);
      stream.destroy();
    });
    surfaced(uncaught, 1);
  });

  it('on readable surfaces', async () => {
    const uncaught = await beside(async (scene) => {
      const process = await echo(scene);
      process.stderr.resume();
      process.stdout.once('readable', fail);
      process.stdin.write('ping');
      await scene.world.sleep(10);
      await process.close();
    });
    surfaced(uncaught, 1);
  });

  it.each(['drain', 'the callback of a write'])(
    'on %s surfaces, and what follows is written',
    async (where) => {
      let bytes = 0;
      const uncaught = await beside(async (scene) => {
        const process = await echo(scene);
        process.stderr.resume();
        process.stdout.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        if (where === 'drain') process.stdin.once('drain', fail);
        // More than a window, so that it is told when the peer has opened its own.
        process.stdin.write(new Uint8Array(3_000_000), where === 'drain' ? () => {} : fail);
        await scene.world.sleep(10);
        process.stdin.end('more');
        expect((await process.exit).code).toBe(0);
      });
      expect(bytes).toBe(3_000_004);
      surfaced(uncaught, 1);
    },
  );

  it('on data of the stdin of a command that a server runs is the fault of that server alone', async () => {
    const faults: unknown[] = [];
    const uncaught = await uncaughtIn(async () => {
      await play(
        async ({ client, world }) => {
          const process = await client.exec('any');
          process.stdout.resume();
          process.stderr.resume();
          process.stdin.write('ping');
          await world.sleep(10);
          process.stdin.end();
          expect((await process.exit).code).toBe(0);
          await client.ping();
        },
        {
          server: {
            onError: (error) => void faults.push(error),
            exec: (process) =>
              new Promise((resolve) => {
                process.stdin.on('data', fail);
                process.stdin.on('end', () => resolve(0));
              }),
          },
        },
      );
    });
    surfaced(uncaught, 1);
    expect(faults).not.toContain(boom);
  });

  it('in a stream that is piped to surfaces, on both sides', async () => {
    const uncaught = await uncaughtIn(async () => {
      await play(
        async ({ client, world }) => {
          const stream = await client.openTcp('host', 7);
          stream.pipe(new Writable({ write: fail }));
          stream.write('ping');
          await world.sleep(10);
          await client.ping();
          stream.destroy();
        },
        {
          server: {
            openTcp: () => {
              const place = new PassThrough();
              place.push('pong');
              place.write = fail;
              return place;
            },
          },
        },
      );
    });
    surfaced(uncaught, 2);
  });
});

describe('a stream of the user that throws', () => {
  const methods = ['_write', 'write', 'end', 'destroy', 'uncork', 'cork'] as const;
  it.each(methods)('in %s ends the connection over it as a lost one, and no process', async (method) => {
    const world = new World({ seed: 1 });
    const stream = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    stream[method] = fail;
    stream.on('error', () => {});
    const uncaught = await uncaughtIn(async () => {
      const over = await world.play(async () => {
        await world.call('connect', () => world.connect({ stream }));
      });
      // A stream that does not say when it is closed is taken as closed a turn of the event loop later.
      await new Promise((resolve) => setImmediate(resolve));
      nothingIsLeft(world, over);
      failuresAreTyped(world);
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    const { error } = world.calls[0] ?? {};
    // One whose end alone throws is silent until then.
    const code = method === 'end' || method === 'destroy' ? 'ERR_SSH_TIMEOUT' : 'ERR_SSH_CONNECTION_LOST';
    expect(error).toMatchObject({ code, phase: 'identification' });
    if (code === 'ERR_SSH_CONNECTION_LOST') expect(error).toMatchObject({ cause: boom });
  });
});
