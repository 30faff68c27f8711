/**
 * New keys while data flows: asked for by the user, by the policy of this side
 * (bytes, packets), by the server (RFC 4253 §9). No byte may be lost or changed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import type { Client, ConnectOptions } from '../../src/entry/index.ts';
import {
  describeEachServer,
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const testTimeout = 120_000;
const block = randomBytes(1024 * 1024);

/** A connection that counts its key exchanges. */
interface Counted extends AsyncDisposable {
  readonly client: Client;
  /** Key exchanges after the first. */
  rekeys(): number;
}

async function connectCounted(server: TestServer, options: ConnectOptions = {}): Promise<Counted> {
  let exchanges = 0;
  const client = await server.connect({
    ...options,
    onDebug: (line) => {
      if (line.startsWith('keys exchanged: ')) exchanges++;
    },
  });
  return { client, rekeys: () => exchanges - 1, [Symbol.asyncDispose]: () => client.close() };
}

/** Sends blocks through `cat` until `enough`, and checks that they come back. */
async function echoUntil(client: Client, enough: (blocksSent: number) => boolean): Promise<number> {
  const remote = await client.exec('exec cat');
  remote.stderr.resume();
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let receivedBytes = 0;
  const reading = (async () => {
    for await (const chunk of remote.stdout) {
      received.update(chunk as Buffer);
      receivedBytes += (chunk as Buffer).length;
    }
  })();
  let blocksSent = 0;
  while (!enough(blocksSent)) {
    sent.update(block);
    blocksSent++;
    if (!remote.stdin.write(block)) await once(remote.stdin, 'drain');
  }
  remote.stdin.end();
  await reading;
  expect(receivedBytes).toBe(blocksSent * block.length);
  expect(received.digest('hex')).toBe(sent.digest('hex'));
  expect((await remote.exit).code).toBe(0);
  return blocksSent;
}

describeEachServer('new keys', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab());
  }, setupTimeout);

  it(
    'come a hundred times while data flows both ways',
    async () => {
      await using connection = await connectCounted(server);
      const { client, rekeys } = connection;
      let asked = 0;
      const asking = (async () => {
        while (asked < 100) {
          await client.rekey();
          asked++;
        }
      })();
      await echoUntil(client, (blocksSent) => asked >= 100 && blocksSent >= 16);
      await asking;
      expect(rekeys()).toBeGreaterThanOrEqual(100);
    },
    testTimeout,
  );

  it('come a hundred times on an idle connection, when this side asks for them', async () => {
    await using connection = await connectCounted(server);
    const { client, rekeys } = connection;
    for (let i = 0; i < 100; i++) await client.rekey();
    expect(rekeys()).toBe(100);
  });

  it(
    'come by bytes, as the policy says',
    async () => {
      await using connection = await connectCounted(server, { rekey: { bytes: 4 * block.length } });
      const { client, rekeys } = connection;
      await echoUntil(client, (blocksSent) => blocksSent >= 64);
      expect(rekeys()).toBeGreaterThanOrEqual(12);
    },
    testTimeout,
  );

  it(
    'come by packets, as the policy says',
    async () => {
      await using connection = await connectCounted(server, { rekey: { packets: 500 } });
      const { client, rekeys } = connection;
      await echoUntil(client, (blocksSent) => blocksSent >= 32);
      // A block is 32 packets at least.
      expect(rekeys()).toBeGreaterThanOrEqual(2);
    },
    testTimeout,
  );

  it(
    'come by time, on an idle connection too',
    async () => {
      await using connection = await connectCounted(server, { rekey: { interval: 1_000 } });
      const { rekeys } = connection;
      await expect.poll(rekeys, { timeout: 10_000, interval: 20 }).toBeGreaterThanOrEqual(2);
    },
    testTimeout,
  );
});

// dropbear 2022.83 fails an assertion of its own when twenty commands run at once, new keys or not.
describeServer('new keys in the midst of calls', openSsh, (lab) => {
  it('hold up no call: commands run and channels open meanwhile', async () => {
    const server = await startOpenSsh(lab());
    await using connection = await connectCounted(server);
    const { client, rekeys } = connection;
    const commands = Array.from({ length: 20 }, async (_, i) => {
      const rekeyed = client.rekey();
      const { stdout } = await client.run(`echo ${i}`);
      await rekeyed;
      return stdout;
    });
    expect(await Promise.all(commands)).toEqual(commands.map((_, i) => `${i}\n`));
    expect(rekeys()).toBeGreaterThanOrEqual(1);
  });
});

describeServer('new keys that the server asks for', openSsh, (lab) => {
  describe.each(['auto', 'noble'] as const)("with crypto: '%s'", (crypto) => {
    it.each(['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'])(
      'come every megabyte under %s',
      async (cipher) => {
        const server = await startOpenSsh(lab(), { config: { RekeyLimit: '1M' } });
        await using connection = await connectCounted(server, { crypto, algorithms: { cipher: [cipher] } });
        const { client, rekeys } = connection;
        await echoUntil(client, (blocksSent) => blocksSent >= 24);
        expect(rekeys()).toBeGreaterThanOrEqual(12);
        await server.stop();
      },
      testTimeout,
    );
  });

  it('may come with each packet: the least that sshd can be told is no end of a transfer', async () => {
    const server = await startOpenSsh(lab(), { config: { RekeyLimit: '16' } });
    await using connection = await connectCounted(server);
    const { client, rekeys } = connection;
    const content = randomBytes(2_000_000);
    const { stdout } = await client.run(`cat ${lab().file(content)}`, { encoding: 'buffer' });
    expect(Buffer.from(stdout).equals(content)).toBe(true);
    expect(rekeys()).toBeGreaterThan(2 * defaultLimits.keyExchangesWithoutData);
    await server.stop();
  }, 60_000);

  it('may meet those that this side asks for', async () => {
    const server = await startOpenSsh(lab(), { config: { RekeyLimit: '1M' } });
    await using connection = await connectCounted(server, { rekey: { bytes: block.length } });
    const { client, rekeys } = connection;
    let asking = true;
    const asked = (async () => {
      while (asking) await client.rekey();
    })();
    await echoUntil(client, (blocksSent) => blocksSent >= 48);
    asking = false;
    await asked;
    expect(rekeys()).toBeGreaterThanOrEqual(24);
    await server.stop();
  }, 60_000);
});
