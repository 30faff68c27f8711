/** Forwards in the hands of a caller: what ends with them, and their bound; on real sockets. */
import { createServer as createTcpServer, connect as dialTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, type ConnectOptions, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer } from '../../src/entry/server.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

async function withClient(options: ConnectOptions, story: (client: Client) => Promise<void>): Promise<void> {
  const server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    forwarding: { local: () => true, remote: () => true },
  });
  const { port } = await server.listen();
  const client = await connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    auth: ['none'],
    verifyHostKey: acceptAnyHostKey(),
    ...options,
  });
  try {
    await story(client);
  } finally {
    await client.close();
    await server.close();
  }
}

function dial(port: number | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dialTcp({ port: port ?? 0, host: '127.0.0.1' }, () => resolve(socket));
    socket.on('error', reject);
  });
}

describe('a forward from the server to a function', () => {
  it.each([
    ['its forward is closed', (close: () => void) => close()],
    ['its signal is aborted', (_close: () => void, abort: () => void) => abort()],
  ])('cuts the connections that the function holds when %s', async (_name, ends) => {
    await withClient({}, async (client) => {
      const abort = new AbortController();
      const taken: Duplex[] = [];
      const told: (Error | undefined)[] = [];
      const forward = await client.forwardRemote(
        { host: '127.0.0.1', port: 0 },
        async (stream) => {
          taken.push(stream);
          await new Promise(() => {});
        },
        { signal: abort.signal, onConnectionEnd: (_connection, error) => told.push(error) },
      );
      const socket = await dial(forward.address.port);
      const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('error', () => {});
      await expect.poll(() => taken).toHaveLength(1);
      const broken = new Promise<unknown>((resolve) => taken[0]?.once('error', resolve));
      ends(
        () => void forward.close(),
        () => abort.abort(),
      );
      const cause = await forward.closed;
      await gone;
      expect(await broken).toMatchObject({ code: cause.code });
      expect(told).toEqual([cause]);
      await expect.poll(() => client.inspect().channels).toEqual([]);
      expect(client.forwards).toEqual([]);
    });
  });
});

describe('the bound on forwards', () => {
  it('counts those that are being made, and frees the place of one that could not be', async () => {
    await withClient({ limits: { forwards: 2 } }, async (client) => {
      const to = { host: 'db', port: 5432 };
      const taken = createTcpServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const { port } = taken.address() as { port: number };
      for (let round = 0; round < 3; round++)
        await expect(client.forwardLocal({ port }, to)).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
      taken.close();
      const made = await Promise.allSettled([
        client.forwardLocal({ port: 0 }, to),
        client.forwardRemote({ host: '127.0.0.1', port: 0 }, to),
        client.forwardSocks({ port: 0 }),
        client.forwardRemoteSocks({ host: '127.0.0.1', port: 0 }),
      ]);
      const refused = made.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      expect(refused).toMatchObject([{ code: 'ERR_SSH_LIMIT' }, { code: 'ERR_SSH_LIMIT' }]);
      expect(client.forwards).toHaveLength(2);
      await client.forwards[0]?.close();
      await (await client.forwardLocal({ port: 0 }, to)).close();
    });
  });
});
