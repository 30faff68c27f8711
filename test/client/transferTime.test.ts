/** The time of `client.get` and `client.put`: one deadline for all of a transfer, on a server that is silent. */
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Client, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';

/** SSH_FXP_VERSION, 3. */
const version = Uint8Array.of(0, 0, 0, 5, 2, 0, 0, 0, 3);
/** Whether the server greets; it says nothing else, and does not go at the end of its input. */
let greet = false;

let server: SshServer;
let client: Client;
beforeEach(async () => {
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    subsystems: {
      sftp: (process) => {
        process.stdin.resume();
        if (greet) process.stdout.write(version);
        return new Promise((resolve) => process.signal.addEventListener('abort', () => resolve(0)));
      },
    },
  });
  const { port } = await server.listen();
  client = await connect({ host: '127.0.0.1', port, username: 'ops', verifyHostKey: () => true });
});
afterEach(async () => {
  client?.destroy();
  await server?.close();
});

const calls: readonly [string, (timeout: number) => Promise<unknown>][] = [
  [
    'get',
    (timeout) => client.get('/f', new Writable({ write: (_chunk, _encoding, done) => done() }), { timeout }),
  ],
  ['put', (timeout) => client.put(Uint8Array.of(1, 2, 3), '/f', { timeout })],
];

describe.each(calls)('client.%s that is over its time', (_name, call) => {
  it.each([
    ['has not greeted', false],
    ['has greeted', true],
  ])(
    'ends by the one deadline of all of it, and waits for no goodbye, where the server %s',
    async (_what, greets) => {
      greet = greets;
      const error = await call(300).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        deadline: 300,
        message: expect.stringContaining('waiting for a transfer over SFTP'),
      });
      // The server keeps the channel, which is still being closed: the call has settled before that.
      expect(client.inspect().channels).toHaveLength(1);
    },
  );
});
