/** The bounds of calls: deadlines, signals, timeouts, the end of the session. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { type MemorySession, openMemory } from './memory/channel.ts';
import { bytes } from './memory/server.ts';

/** Every call there is, on a file and a folder that are there. */
const calls: Readonly<Record<string, (session: MemorySession) => Promise<unknown>>> = {
  readFile: ({ sftp }) => sftp.readFile('/f'),
  writeFile: ({ sftp }) => sftp.writeFile('/f', 'x'),
  appendFile: ({ sftp }) => sftp.appendFile('/f', 'x'),
  open: ({ sftp }) => sftp.open('/f'),
  copyFile: ({ sftp }) => sftp.copyFile('/f', '/g'),
  readdir: ({ sftp }) => sftp.readdir('/d'),
  opendir: async ({ sftp }) => {
    for await (const _ of sftp.opendir('/d'));
  },
  mkdir: ({ sftp }) => sftp.mkdir('/x'),
  'mkdir recursive': ({ sftp }) => sftp.mkdir('/x/y', { recursive: true }),
  rmdir: ({ sftp }) => sftp.rmdir('/empty'),
  rm: ({ sftp }) => sftp.rm('/d', { recursive: true }),
  stat: ({ sftp }) => sftp.stat('/f'),
  lstat: ({ sftp }) => sftp.lstat('/f'),
  exists: ({ sftp }) => sftp.exists('/f'),
  chmod: ({ sftp }) => sftp.chmod('/f', 0o600),
  lchmod: ({ sftp }) => sftp.lchmod('/f', 0o600),
  chown: ({ sftp }) => sftp.chown('/f', 1, 2),
  utimes: ({ sftp }) => sftp.utimes('/f', 1, 2),
  truncate: ({ sftp }) => sftp.truncate('/f'),
  statfs: ({ sftp }) => sftp.statfs('/f'),
  rename: ({ sftp }) => sftp.rename('/f', '/g'),
  unlink: ({ sftp }) => sftp.unlink('/f'),
  link: ({ sftp }) => sftp.link('/f', '/g'),
  symlink: ({ sftp }) => sftp.symlink('f', '/g'),
  readlink: ({ sftp }) => sftp.readlink('/l'),
  realpath: ({ sftp }) => sftp.realpath('/f'),
  expandPath: ({ sftp }) => sftp.expandPath('~'),
  homeDirectory: ({ sftp }) => sftp.homeDirectory(),
  ownerNames: ({ sftp }) => sftp.ownerNames([1], []),
  glob: async ({ sftp }) => {
    for await (const _ of sftp.glob('/*'));
  },
  walk: async ({ sftp }) => {
    for await (const _ of sftp.walk('/d'));
  },
};

async function withFiles(options: Parameters<typeof openMemory>[0] = {}): Promise<MemorySession> {
  const session = await openMemory(options);
  session.files.file('/f', 'content');
  session.files.file('/d/in', 'x');
  session.files.link('/l', 'f');
  session.files.folder('/empty');
  return session;
}

async function outcomeOf(call: Promise<unknown>): Promise<SshError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(Object.entries(calls))('row 62: %s', (name, call) => {
  it('ssh2#947, paramiko#926: ends by the deadline of its request wherever the server falls silent, and names the request', async () => {
    for (let answered = 0; ; answered++) {
      let left = answered;
      let isSilent = false;
      const session = await withFiles({
        answer: () => {
          isSilent ||= left-- <= 0;
          return isSilent ? 'silence' : undefined;
        },
        // Without limits@openssh.com, so that the first answer is that of the call.
        extensions: [
          'posix-rename@openssh.com',
          'statvfs@openssh.com',
          'hardlink@openssh.com',
          'lsetstat@openssh.com',
          'expand-path@openssh.com',
          'home-directory',
          'users-groups-by-id@openssh.com',
        ],
      });
      const { channel } = session;
      let isDone = false;
      const outcome = outcomeOf(call(session)).finally(() => {
        isDone = true;
      });
      for (let round = 0; round < 12 && !isDone; round++) {
        await turns(20);
        channel.pass(15_000);
        await turns(5);
      }
      expect(isDone, `${name} with ${answered} answers`).toBe(true);
      const error = await outcome;
      if (error !== undefined) {
        expect(error).toMatchObject({
          code: 'ERR_SSH_TIMEOUT',
          waitingFor: 'request',
          deadline: 15_000,
          host: 'memory',
          port: 22,
        });
        expect(error.message).toMatch(
          /^[a-z-]+( ".*")? on memory:22: the server did not answer within 15000 ms$/,
        );
      }
      channel.pass(60_000);
      expect(channel.waits.list().map(({ detail }) => detail)).toEqual([]);
      if (!isSilent) break;
    }
  });

  it('rejects with the cause when the session ends under it', async () => {
    const session = await withFiles({ answer: () => 'silence', extensions: [] });
    const outcome = outcomeOf(call(session));
    await turns(5);
    const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone', { origin: 'network' });
    session.channel.break(cause);
    const error = await outcome;
    if (error?.code !== 'ERR_SSH_SFTP_UNSUPPORTED') expect(error).toBe(cause);
    expect(session.channel.waits.size).toBe(0);
    expect(session.channel.isClosed).toBe(true);
    expect(await outcomeOf(session.sftp.stat('/f'))).toBe(cause);
  });
});

describe('a call', () => {
  it('rejects with an error that says the host and leads to the line of its caller', async () => {
    const { sftp } = await withFiles();
    async function myOwnCall(): Promise<void> {
      await sftp.readFile('/nope');
    }
    const error = await outcomeOf(myOwnCall());
    expect(error).toMatchObject({
      code: 'ERR_SSH_SFTP_NO_SUCH_FILE',
      host: 'memory',
      port: 22,
      path: '/nope',
    });
    expect(error?.stack).toContain('myOwnCall');
    const file = await sftp.open('/f');
    await file.close();
    async function myOtherCall(): Promise<void> {
      await file.stat();
    }
    expect((await outcomeOf(myOtherCall()))?.stack).toContain('myOtherCall');
  });

  it('has a timeout of its own', async () => {
    const { sftp, channel } = await withFiles({
      answer: (request) => (request.kind === 'stat' ? 'silence' : undefined),
    });
    const outcome = outcomeOf(sftp.stat('/f', { timeout: 300 }));
    await turns(3);
    expect(channel.waits.list().map(({ name, timeout }) => [name, timeout])).toEqual([
      ['request', 300],
      ['request', 15_000],
    ]);
    channel.pass(300);
    expect(await outcome).toMatchObject({ code: 'ERR_SSH_TIMEOUT', deadline: 300 });
    await turns(3);
    // The answer is owed still, and that is all.
    expect(channel.waits.list().map(({ timeout }) => timeout)).toEqual([15_000]);
  });

  it('is aborted by its signal, before and while it runs', async () => {
    const { sftp, channel, server } = await withFiles({
      answer: (request) => (request.kind === 'read' ? 'silence' : undefined),
    });
    const before = server.seen.length;
    const aborted = AbortSignal.abort();
    expect(await outcomeOf(sftp.readFile('/f', { signal: aborted }))).toMatchObject({
      code: 'ERR_SSH_ABORTED',
    });
    expect(server.seen.length).toBe(before);
    const aborter = new AbortController();
    const outcome = outcomeOf(sftp.readFile('/f', { signal: aborter.signal }));
    await turns(20);
    expect(server.count('read')).toBeGreaterThan(0);
    aborter.abort(new Error('enough'));
    const error = await outcome;
    expect(error).toMatchObject({
      code: 'ERR_SSH_ABORTED',
      message: 'memory:22: aborted by the caller: enough',
    });
    await channel.rest();
    expect(server.handles.size).toBe(0);
    channel.pass(15_000);
    expect(channel.waits.size).toBe(0);
  });

  it('ends an iteration by its signal and its timeout as well', async () => {
    for (const bound of ['signal', 'timeout'] as const) {
      const session = await withFiles({
        answer: (request) => (request.kind === 'opendir' ? 'silence' : undefined),
      });
      const aborter = new AbortController();
      const outcome = outcomeOf(
        (async () => {
          for await (const _ of session.sftp.walk(
            '/d',
            bound === 'signal' ? { signal: aborter.signal } : { timeout: 50 },
          ));
        })(),
      );
      await turns(5);
      aborter.abort();
      session.channel.pass(50);
      expect((await outcome)?.code).toBe(bound === 'signal' ? 'ERR_SSH_ABORTED' : 'ERR_SSH_TIMEOUT');
    }
  });

  it('of thousands at once all are answered, within the limit', async () => {
    let most = 0;
    const { sftp, channel } = await withFiles({
      limits: { sftpRequests: 10 },
      pick: (waiting) => {
        most = Math.max(most, waiting);
        return waiting - 1;
      },
    });
    const stats = await Promise.all(Array.from({ length: 2000 }, () => sftp.stat('/f')));
    expect(stats.every(({ size }) => size === 7)).toBe(true);
    expect(most).toBeLessThanOrEqual(10);
    expect(channel.waits.size).toBe(0);
  });

  it('waits for its turn no longer than the server answers at all', async () => {
    const { sftp, channel } = await withFiles({
      limits: { sftpRequests: 4 },
      answer: () => 'silence',
      extensions: [],
    });
    const outcomes = Promise.all(Array.from({ length: 40 }, () => outcomeOf(sftp.stat('/f'))));
    await turns(5);
    channel.pass(15_000);
    const errors = await outcomes;
    expect(errors.every((error) => error?.code === 'ERR_SSH_TIMEOUT')).toBe(true);
    expect(channel.isClosed).toBe(true);
  });
});

describe('the end', () => {
  it('by close rejects what runs and what comes, and closes the channel', async () => {
    const { sftp, channel } = await withFiles({
      answer: (request) => (request.kind === 'stat' ? 'silence' : undefined),
    });
    const outcome = outcomeOf(sftp.stat('/f'));
    await turns(3);
    await sftp.close();
    expect(await outcome).toMatchObject({ code: 'ERR_SSH_CLOSED' });
    expect(await outcomeOf(sftp.readFile('/f'))).toMatchObject({ code: 'ERR_SSH_CLOSED' });
    expect(channel.isClosed).toBe(true);
    expect(channel.waits.size).toBe(0);
    await sftp.close();
  });

  it('by the server rejects what runs', async () => {
    const { sftp, channel } = await withFiles({
      answer: (request) => (request.kind === 'stat' ? 'silence' : undefined),
    });
    const outcome = outcomeOf(sftp.stat('/f'));
    await turns(3);
    channel.end();
    expect(await outcome).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
  });

  it('by a lie of the server is a typed error of all that runs', async () => {
    const { sftp, channel } = await withFiles({
      answer: (request) => (request.kind === 'stat' ? 'silence' : undefined),
    });
    const outcomes = [outcomeOf(sftp.stat('/f')), outcomeOf(sftp.stat('/f'))];
    await turns(3);
    channel.say(bytes('\0\0\0\x05\x77abcd'));
    const [a, b] = await Promise.all(outcomes);
    expect(a).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL' });
    expect(b).toBe(a);
    expect(channel.isClosed).toBe(true);
  });
});
