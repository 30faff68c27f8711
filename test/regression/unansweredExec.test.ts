/**
 * Servers that run a command and never say that they do: neither SUCCESS nor
 * FAILURE comes for `exec`. OpenSSH's client shows what they send all the same.
 */
import { describe, expect, it } from 'vitest';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import type { Client } from '../../src/client/client.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { play, type Scene } from '../support/scene.ts';

const channelSuccess = 99;
const channelFailure = 100;
const exitStatus = 98;

const exec: NonNullable<ServerOptions['exec']> = async (process, command) => {
  if (command === 'slow') await new Promise((resolve) => process.stdin.on('end', resolve).resume());
  if (command !== 'mute') {
    process.stdout.write('the output\n');
    process.stderr.write('an error\n');
  }
  if (command === 'keeps on') {
    await new Promise((resolve) => process.stdin.on('end', resolve).resume());
    process.stdout.write('the end\n');
  }
  return 7;
};

/** Plays a story with a server that never says these. */
function withoutAnswers(
  numbers: readonly number[],
  story: (scene: Scene) => Promise<void>,
): Promise<unknown> {
  return play(
    async (scene) => {
      scene.mute(...numbers);
      await story(scene);
    },
    { server: { exec } },
  );
}

describe('a server that answers exec with its output', () => {
  it.each([
    [
      'data, exit-status and CLOSE',
      [channelSuccess],
      'any',
      { code: 7, stdout: 'the output\n', stderr: 'an error\n' },
    ],
    ['exit-status and CLOSE', [channelSuccess], 'mute', { code: 7, stdout: '', stderr: '' }],
    ['data and CLOSE', [channelSuccess, exitStatus], 'any', { code: undefined, stdout: 'the output\n' }],
  ])('%s: `run` has it', async (_, muted, command, result) => {
    await withoutAnswers(muted, async ({ client, world }) => {
      const begun = world.clock.now();
      expect(await client.run(command, { env: { A: 'b' }, pty: true })).toMatchObject(result);
      expect(world.clock.now() - begun).toBeLessThan(1000);
    });
  });

  it('gives the streams of `exec`, with all that came', async () => {
    await withoutAnswers([channelSuccess], async ({ client }) => {
      const process = await client.exec('any');
      const pieces: string[] = [];
      for await (const piece of process.stdout) pieces.push(String(piece));
      expect(pieces.join('')).toBe('the output\n');
      expect(await process.exit).toMatchObject({ code: 7 });
    });
  });

  it('gives them when the deadline of the answer is over, where output came meanwhile', async () => {
    await withoutAnswers([channelSuccess], async ({ client, world }) => {
      const begun = world.clock.now();
      const process = await client.exec('keeps on');
      expect(world.clock.now() - begun).toBe(defaultTimeouts.request);
      process.stdout.setEncoding('utf8');
      let text = '';
      process.stdout.on('data', (piece: string) => {
        text += piece;
      });
      process.stdin.end();
      process.stderr.resume();
      expect((await process.exit).code).toBe(7);
      expect(text).toBe('the output\nthe end\n');
    });
  });

  it('and leaves the connection as it was', async () => {
    await withoutAnswers([channelSuccess], async ({ client, world }) => {
      for (let i = 0; i < 3; i++) expect((await client.run('any')).code).toBe(7);
      await world.sleep(1);
      expect(client.inspect().channels).toEqual([]);
      expect(client.inspect().waits).toEqual([]);
    });
  });
});

describe('a server that sends no output', () => {
  const nothing = (client: Client): Promise<unknown> => client.run('mute');

  it('and closes the channel is an error as ever', async () => {
    await withoutAnswers([channelSuccess, exitStatus], async ({ client }) => {
      await expect(nothing(client)).rejects.toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
    });
  });

  it('and refuses is an error as ever', async () => {
    await play(
      async ({ client }) => {
        await expect(nothing(client)).rejects.toMatchObject({ code: 'ERR_SSH_REQUEST_FAILED' });
      },
      { server: { exec: undefined as never } },
    );
  });

  it('and says nothing at all ends by the deadline of the request', async () => {
    await withoutAnswers([channelSuccess, channelFailure], async ({ client, world }) => {
      const begun = world.clock.now();
      await expect(client.run('slow')).rejects.toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        waitingFor: 'request',
      });
      expect(world.clock.now() - begun).toBe(defaultTimeouts.request);
    });
  });
});
