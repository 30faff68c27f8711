/**
 * What is promised about long messages, closes and cuts, at real servers.
 */
import { createHash } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { connect, SshError } from '../../src/entry/index.ts';
import { pattern } from '../sim/random.ts';
import {
  describeEachServer,
  describeServer,
  openSsh,
  setupTimeout,
  type TestServer,
} from '../support/servers/index.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describeEachServer('a connection', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab(), { userKeys: ['ed25519'] });
  }, setupTimeout);

  it('outlives a command that fits in no packet', async () => {
    await using client = await connect(server.options());
    await expect(client.run('x'.repeat(262_200))).rejects.toMatchObject({
      code: 'ERR_SSH_LIMIT',
      origin: 'user',
    });
    expect((await client.run('echo lives')).stdout).toBe('lives\n');
  });

  it('sends what was written before it closes, beyond the window of a reader that is slow', async () => {
    const file = `/tmp/${kind.name}-${process.pid}-closed`;
    const bytes = pattern(6_000_000);
    const client = await connect(server.options());
    const writing = await client.exec(`trap '' HUP; sleep 0.3; cat > ${file}`);
    writing.stdin.on('error', () => {});
    writing.stdin.end(bytes);
    await client.close();
    await using reader = await connect(server.options());
    // All of it was sent. A goodbye ends a server's session at once, with what the server has taken and not handed
    // on to the program: a window (2 MiB of OpenSSH's) and a pipe at most.
    const dropped = 2 * 1024 * 1024 + 128 * 1024;
    const arrived = async (): Promise<number> => Number((await reader.run(`wc -c < ${file}`)).stdout);
    await expect.poll(arrived, { timeout: 10_000 }).toBeGreaterThanOrEqual(bytes.length - dropped);
    const { stdout } = await reader.run(`wc -c < ${file}; sha256sum < ${file}`);
    const [, length = '', sum] = /^(\d+)\n(\w+)/.exec(stdout) ?? [];
    expect(sum).toBe(sha256(bytes.subarray(0, Number(length))));
    await reader.run(`rm ${file}`);
  });

  it('whose channel is closed while its output is read gives an error behind what came', async () => {
    await using client = await connect(server.options());
    for (const moment of [0, 3]) {
      const endless = await client.exec('cat /dev/zero');
      let received = 0;
      let how: unknown = 'end';
      try {
        for await (const piece of endless.stdout) {
          received += (piece as Buffer).length;
          if (received > moment * 100_000) void endless.close();
        }
      } catch (error) {
        how = error;
      }
      expect(how).toBeInstanceOf(SshError);
      expect(how).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED', origin: 'user' });
      await endless.exit.catch(() => {});
    }
  });
});

describeServer('long messages', openSsh, (lab) => {
  it(
    'arrive whole up to the last byte that fits',
    async () => {
      const server = await openSsh.start(lab(), { userKeys: ['ed25519'] });
      await using client = await connect(server.options());
      // The shell's own bound is 128 KiB for an argument.
      const command = `printf %s '${'y'.repeat(120_000)}' | wc -c`;
      expect((await client.run(command)).stdout.trim()).toBe('120000');
      // What the system refuses to run is a status, and not the end of the connection.
      expect((await client.run('z'.repeat(262_100))).code).not.toBe(0);
      expect((await client.run('echo lives')).stdout).toBe('lives\n');
    },
    setupTimeout,
  );
});
