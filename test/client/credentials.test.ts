/** What a connection still holds of its options once it is ready. */
import { Buffer } from 'node:buffer';
import { afterEach, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, type ConnectOptions, connect } from '../../src/entry/index.ts';
import { password, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { memoryInUse } from '../support/heap.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

/** In a function of its own: a frame that waits keeps its variables. */
async function dial(
  port: number,
): Promise<{ readonly client: Client; readonly given: Readonly<Record<string, WeakRef<object>>> }> {
  const privateKey = Buffer.from(keyText('ed25519'));
  const asked = async (): Promise<string> => password;
  const options: ConnectOptions = {
    host: '127.0.0.1',
    port,
    username: 'ops',
    privateKey,
    password: asked,
    verifyHostKey: acceptAnyHostKey(),
  };
  const client = await connect(options);
  return {
    client,
    given: {
      options: new WeakRef(options),
      privateKey: new WeakRef(privateKey),
      password: new WeakRef(asked),
    },
  };
}

it('holds no credentials, and lets go of the options, while it lives', async () => {
  await using server = await startEmbedded({
    hostKeys: keyText('ed25519'),
    authentication: { password: (_username, given) => given === password },
  });
  const { client, given } = await dial(server.port);
  await expect
    .poll(() => {
      memoryInUse();
      return Object.keys(given).filter((name) => given[name]?.deref() !== undefined);
    })
    .toEqual([]);
  expect(await client.ping()).toBeGreaterThan(0);
  await client.close();
});
