/** OpenSSH PROTOCOL §2.2: no session is opened any more, and the server is told so in the words of OpenSSH. */
import { expect, it } from 'vitest';
import { play } from '../support/scene.ts';

it('a connection that opens no more sessions says so once, asks for no answer, and goes on', async () => {
  await play(async (scene) => {
    const { client, world } = scene;
    const requests = scene.watch('globalRequest');
    client.noMoreSessions();
    await world.sleep(100);
    expect(requests).toEqual([
      {
        type: 'globalRequest',
        name: 'no-more-sessions@openssh.com',
        wantReply: false,
        payload: new Uint8Array(0),
      },
    ]);
    await expect(client.run('x')).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED', origin: 'user' });
    expect((await client.ping()) >= 0).toBe(true);
  });
});
