/** SFTP over the pipes of a program: its deadlines, its end, and that nothing of it stays. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/base/limits.ts';
import { expand } from '../../../src/cli/files/glob/expand.ts';
import { PipeChannel } from '../../../src/cli/files/session/pipeChannel.ts';
import { localNameOf, remoteTree } from '../../../src/cli/files/trees.ts';
import { nodePlatform } from '../../../src/node/platform.ts';
import { Sftp } from '../../../src/sftp/sftp.ts';

const { clock } = nodePlatform;

function channelTo(
  script: string,
  timeouts = { greeting: 20_000, request: 20_000, close: 5_000 },
): PipeChannel {
  return new PipeChannel({ argv: ['/bin/sh', '-c', script], host: 'a program', clock, timeouts });
}

async function openOn(channel: PipeChannel): Promise<Sftp> {
  const platform = { ...(await nodePlatform.files()), clock, run: undefined };
  return Sftp.open(channel, defaultLimits, platform);
}

/** VERSION 3, without extensions. */
const version = String.raw`printf '\0\0\0\5\2\0\0\0\3'`;

describe('a program', () => {
  it('that never speaks is given up, and ended', async () => {
    const channel = channelTo('exec sleep 1000', { greeting: 30, request: 20_000, close: 100 });
    await expect(openOn(channel)).rejects.toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'request',
      deadline: 30,
    });
    await expect(channel.closed).resolves.toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
  });

  it('that falls silent fails the request, which is named, and the session goes on', async () => {
    const channel = channelTo(`${version}; cat > /dev/null`, { greeting: 20_000, request: 30, close: 100 });
    const sftp = await openOn(channel);
    await expect(sftp.stat('/some/file')).rejects.toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      message: expect.stringContaining('stat "/some/file" on a program') as string,
      path: '/some/file',
    });
    await expect(sftp.stat('/other', { timeout: 10 })).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
    await sftp.close();
    expect(channel.isGivenUp).toBe(true);
  });

  it('that ends rejects what is asked of it', async () => {
    const channel = channelTo(`${version}; head -c 20 > /dev/null; exit 3`);
    const sftp = await openOn(channel);
    await expect(sftp.stat('/some/file')).rejects.toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
    await expect(channel.closed).resolves.toBeInstanceOf(Error);
    await expect(sftp.stat('/some/file')).rejects.toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
  });

  it('that ends fails what is on its way at once, with how it ended, and only once', async () => {
    for (const [script, how] of [
      ['exit 3', 'the connection to a program has ended with status 3'],
      ['kill -9 $$', 'the connection to a program has ended by SIGKILL'],
      ['exit 0', 'the connection to a program has ended'],
    ] as const) {
      // Its output stays open for a while longer than the program: nothing but its end is told.
      const channel = channelTo(script);
      const told: unknown[] = [];
      channel.listen({ readable: () => {}, ended: () => {}, failed: (cause) => told.push(cause) });
      const cause = await channel.closed;
      expect(cause.message).toBe(how);
      expect(told).toEqual([cause]);
      // Whoever listens later is told as well.
      channel.listen({
        readable: () => {},
        ended: () => told.push('ended'),
        failed: (late) => told.push(late),
      });
      expect(told).toEqual([cause, 'ended', cause]);
    }
  });

  it('that is not there is said to be', async () => {
    const channel = new PipeChannel({ argv: ['/nope/server'], host: 'x', clock });
    await expect(openOn(channel)).rejects.toMatchObject({
      message: expect.stringContaining('/nope/server cannot be run') as string,
    });
  });

  it('that says something else is quoted', async () => {
    await expect(openOn(channelTo('echo Welcome to this machine'))).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_PROTOCOL',
      message: expect.stringContaining('Welcome') as string,
    });
  });

  it('is told of an abort by the call alone', async () => {
    const sftp = await openOn(channelTo(`${version}; cat > /dev/null`));
    const controller = new AbortController();
    const asked = sftp.stat('/x', { signal: controller.signal });
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    await sftp.close();
  });
});

describe('names that a server lists', () => {
  /** A session whose folder has these names. */
  const listing = (names: readonly string[]): Sftp => {
    const entries = names.map((name) => ({
      nameBytes: Buffer.from(name, 'latin1'),
      attributes: { permissions: 0o100644 },
      stats: () => ({ isDirectory: () => false, isSymbolicLink: () => false }),
    }));
    return { readdir: async () => entries } as unknown as Sftp;
  };

  it('row 57: lead nowhere else, whatever they are', async () => {
    const hostile = ['../evil', '/etc/passwd', 'a/b', '..', '.', '', 'x\0y'];
    const found = await expand(remoteTree(listing([...hostile, 'good', '\x1b[2J'])), '/dir/*');
    expect(found.map(({ path }) => path)).toEqual(['/dir/\x1b[2J', '/dir/good']);
    expect(found.map(({ path }) => localNameOf(path))).toEqual(['\x1b[2J', 'good']);
  });
});
