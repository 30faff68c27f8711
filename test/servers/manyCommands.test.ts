/**
 * A thousand commands over one connection, one after the other and fifty at a time.
 */
import { beforeAll, expect, it } from 'vitest';
import type { Client } from '../../src/entry/index.ts';
import {
  describeEachServer,
  describeServer,
  openSsh,
  setupTimeout,
  type TestServer,
} from '../support/servers/index.ts';

const testTimeout = 120_000;
const commands = 1000;

async function runNumbered(client: Client, number: number): Promise<void> {
  // What comes back tells this command's output, errors, input and status from any other's.
  const result = await client.run(`cat; echo err ${number} >&2; exit ${number % 200}`, {
    input: `in ${number}`,
  });
  expect(result).toMatchObject({
    stdout: `in ${number}`,
    stderr: `err ${number}\n`,
    code: number % 200,
    signal: undefined,
  });
}

function expectNothingOpen(client: Client): void {
  const { channels, waits } = client.inspect();
  expect({ channels, waits: waits.filter(({ name }) => name !== 'write') }).toEqual({
    channels: [],
    waits: [],
  });
}

describeEachServer('a thousand commands over one connection', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab());
  }, setupTimeout);

  it(
    'run one after the other',
    async () => {
      await using client = await server.connect();
      for (let number = 0; number < commands; number++) await runNumbered(client, number);
      expectNothingOpen(client);
    },
    testTimeout,
  );
});

// dropbear 2022.83 fails an assertion of its own when many short commands run at once.
describeServer('a thousand commands over one connection', openSsh, (lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openSsh.start(lab());
  }, setupTimeout);

  it(
    'run fifty at a time',
    async () => {
      await using client = await server.connect();
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < commands) await runNumbered(client, next++);
      };
      await Promise.all(Array.from({ length: 50 }, worker));
      expectNothingOpen(client);
    },
    testTimeout,
  );

  it(
    'are refused, one by one, where the server allows no more sessions',
    async () => {
      await using client = await server.connect();
      const sleepers = await Promise.all(Array.from({ length: 200 }, () => client.exec('exec cat')));
      await expect(client.run('echo one too many')).rejects.toMatchObject({
        code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
        phase: 'connection',
        origin: 'peer',
      });
      for (const sleeper of sleepers) {
        sleeper.stdout.resume();
        sleeper.stderr.resume();
        sleeper.stdin.end();
      }
      const codes = await Promise.all(sleepers.map(async ({ exit }) => (await exit).code));
      expect(new Set(codes)).toEqual(new Set([0]));
      // sshd frees a session in the turn after the one in which our CLOSE came; an answer comes behind that.
      await client.ping();
      expect((await client.run('echo room again')).stdout).toBe('room again\n');
    },
    testTimeout,
  );
});
