/** A process that nobody waits for any more: every step of its end has the deadline that the user gave. */
import { expect, it } from 'vitest';
import { channelClose } from '../../src/message/channel.ts';
import type { ServerProcess } from '../../src/server/serverProcess.ts';
import { play } from '../support/scene.ts';

const endless = (_: ServerProcess): Promise<number> => new Promise(() => {});

it.each([
  { close: 200, toEnd: 200 },
  { close: 1_000, toEnd: 1_000 },
  { close: 5_000, toEnd: 1_000 },
])('waits for its end, and then for CLOSE, with timeouts.close of $close ms', async ({ close, toEnd }) => {
  await play(
    async (scene) => {
      const { client, world } = scene;
      const closeWaits = (): readonly unknown[] =>
        client
          .inspect()
          .waits.filter(({ name }) => name === 'close')
          .map(({ waitingFor, elapsed, remaining }) => [waitingFor, elapsed + remaining]);
      const aborter = new AbortController();
      const running = client.run('endless', { signal: aborter.signal }).catch((error: unknown) => error);
      await world.sleep(100);
      scene.mute(channelClose.number);
      aborter.abort();
      expect(await running).toMatchObject({ code: 'ERR_SSH_ABORTED' });
      expect(closeWaits()).toEqual([['the process on channel 0 to end', toEnd]]);
      await world.sleep(toEnd + 10);
      expect(closeWaits()).toEqual([['SSH_MSG_CHANNEL_CLOSE of channel 0', close]]);
      await world.sleep(close + 10);
      expect(closeWaits()).toEqual([]);
    },
    { server: { exec: endless }, connect: { timeouts: { close } } },
  );
});
