/** Transfers that are cut off: by silence at any answer, by a connection that breaks at any byte. */
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../../src/base/errors.ts';
import type { Sftp } from '../../../src/sftp/sftp.ts';
import { type MemorySession, openMemory } from '../memory/channel.ts';
import { MemoryFiles } from '../memory/files.ts';
import { LocalFolder } from './support.ts';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** File descriptors of this process. */
const descriptors = (): number => readdirSync('/proc/self/fd').length;

const content = Buffer.alloc(200_000);
for (let i = 0; i < content.length; i++) content[i] = (i * 13) ^ (i >> 7);

interface Scene {
  readonly here: LocalFolder;
  readonly files: MemoryFiles;
}

function scene(): Scene {
  const here = new LocalFolder();
  here.file('l/a', content.subarray(0, 70_000));
  here.file('l/d/b', 'small');
  const files = new MemoryFiles();
  files.file('/r/a', content.subarray(0, 70_000));
  files.file('/r/d/b', 'small');
  files.file('/t', 'old');
  return { here, files };
}

const transfers: Readonly<Record<string, (sftp: Sftp, here: LocalFolder) => Promise<unknown>>> = {
  get: (sftp, here) => sftp.get('/r/a', here.at('got')),
  put: (sftp, here) => sftp.put(here.at('l/a'), '/t'),
  'put of bytes': (sftp) => sftp.put(content, '/new'),
  'get of a tree': (sftp, here) => sftp.get('/r', here.at('tree'), { recursive: true, preserve: true }),
  'put of a tree': (sftp, here) => sftp.put(here.at('l'), '/u', { recursive: true, preserve: true }),
  'sync up': (sftp, here) => sftp.sync(here.at('l'), '/s', { direction: 'up', delete: true }),
  'sync down': (sftp, here) => sftp.sync(here.at('s'), '/r', { direction: 'down' }),
  'get with resume': (sftp, here) => {
    here.file('.got.deadline-part', content.subarray(0, 30_000));
    return sftp.get('/r/a', here.at('got'), { resume: true });
  },
};

describe.each(Object.entries(transfers))('row 62: %s', (name, transfer) => {
  it('ends by a deadline wherever the server falls silent, and leaves nothing open', async () => {
    for (let answered = 0; ; answered++) {
      const { here, files } = scene();
      let left = answered;
      let isSilent = false;
      const session = await openMemory({
        files,
        answer: () => {
          isSilent ||= left-- <= 0;
          return isSilent ? 'silence' : undefined;
        },
        extensions: ['posix-rename@openssh.com'],
      });
      const { sftp, channel } = session;
      const before = descriptors();
      let isDone = false;
      const outcome = transfer(sftp, here)
        .then(
          () => undefined,
          (error: unknown) => error,
        )
        .finally(() => {
          isDone = true;
        });
      // Local files take their own time; what waits for the silent server is over at once.
      for (let round = 0; round < 5000 && !isDone; round++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (isSilent) channel.pass(15_000);
      }
      expect(isDone, `${name} with ${answered} answers`).toBe(true);
      const error = await outcome;
      if (error !== undefined) {
        const { code, cause } = error as SshError;
        expect(code === 'ERR_SSH_TRANSFER' ? (cause as SshError).code : code).toBe('ERR_SSH_TIMEOUT');
      }
      await turns(20);
      channel.pass(60_000);
      expect(channel.waits.list().map(({ detail }) => detail)).toEqual([]);
      expect(descriptors()).toBeLessThanOrEqual(before);
      expect(files.text('/t')).toMatch(/^old$|^\0/);
      if (!isSilent) break;
      if (error !== undefined) expect(Object.keys(here.tree())).not.toContain('got');
    }
  });
});

describe.each(['get', 'put'] as const)('a %s that begins over the part of another file', (how) => {
  it('leaves that part, or the beginning of its own file, wherever it is cut off', async () => {
    const other = 'q'.repeat(30_000);
    const whole = content.toString('latin1');
    const left: string[] = [];
    for (let answered = 0; answered < 60; answered++) {
      const here = new LocalFolder();
      const files = new MemoryFiles();
      if (how === 'get') here.file('.b.deadline-part', other);
      else files.file('/.b.deadline-part', other);
      here.file('a', content);
      files.file('/a', content);
      const aborter = new AbortController();
      let count = 0;
      const { sftp, channel } = await openMemory({
        files,
        readLength: () => 40_000,
        server: { blockLength: 40_000 },
        answer: () => {
          if (count++ < answered) return undefined;
          aborter.abort();
          return 'silence';
        },
        extensions: [],
      });
      const options = { resume: true, signal: aborter.signal };
      const calls = {
        get: () => sftp.get('/a', here.at('b'), options),
        put: () => sftp.put(here.at('a'), '/b', options),
      };
      let isDone = false;
      const outcome = calls[how]()
        .then(
          () => undefined,
          (thrown: SshError) => thrown.code,
        )
        .finally(() => {
          isDone = true;
        });
      // What it puts away has its own deadlines.
      for (let round = 0; round < 5000 && !isDone; round++) {
        await channel.rest();
        if (aborter.signal.aborted) channel.pass(5_000);
      }
      const error = await outcome;
      const tree = how === 'get' ? here.tree() : files.tree();
      const [file, part] =
        how === 'get' ? [tree['b'], tree['.b.deadline-part']] : [tree['/b'], tree['/.b.deadline-part']];
      if (error === undefined) {
        expect([file, part]).toEqual([whole, undefined]);
        break;
      }
      expect(error).toBe('ERR_SSH_ABORTED');
      expect([undefined, whole]).toContain(file);
      if (part !== undefined && part !== other) expect(whole.startsWith(part)).toBe(true);
      left.push(part === undefined || part === '' ? 'nothing' : part === other ? 'the other' : 'its own');
    }
    expect(new Set(left)).toEqual(new Set(['the other', 'nothing', 'its own']));
  });
});

describe('a connection that breaks at any byte', () => {
  /** Runs a transfer that is cut off after so many bytes of the server, or of the client. */
  const cutOff = async (
    files: MemoryFiles,
    after: number,
    transfer: (session: MemorySession) => Promise<unknown>,
  ): Promise<boolean> => {
    let left = after;
    const session = await openMemory({
      files,
      extensions: ['posix-rename@openssh.com'],
      cut: (length) => {
        left -= length;
        return length;
      },
    });
    const watch = setInterval(() => {
      if (left <= 0)
        session.channel.break(new SshError('ERR_SSH_CONNECTION_LOST', 'cut', { origin: 'network' }));
    }, 0);
    const write = session.channel.write.bind(session.channel);
    session.channel.write = (parts, done) => {
      if (left > 0) return write(parts, done);
      session.channel.break(new SshError('ERR_SSH_CONNECTION_LOST', 'cut', { origin: 'network' }));
      done();
    };
    try {
      await transfer(session);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
      return false;
    } finally {
      clearInterval(watch);
    }
  };

  it.each(['get', 'put'] as const)(
    'a %s of a small file that is cut at each byte in turn is whole once it is resumed, and never half',
    async (way) => {
      const small = content.subarray(0, 150);
      const here = new LocalFolder();
      for (let after = 1; ; after++) {
        const files = new MemoryFiles();
        here.file('t', 'old');
        if (way === 'get') files.file('/f', small);
        else here.file('f', small);
        files.file('/t', 'old');
        const transfer = ({ sftp }: MemorySession): Promise<unknown> =>
          way === 'get'
            ? sftp.get('/f', here.at('t'), { resume: true })
            : sftp.put(here.at('f'), '/t', { resume: true });
        const result = (): string | undefined => (way === 'get' ? here.text('t') : files.text('/t'));
        const isWhole = await cutOff(files, after, transfer);
        const expected = small.toString('latin1');
        // A file whose last answer was lost is there all the same.
        expect([expected, ...(isWhole ? [] : ['old'])], `cut after ${after}`).toContain(result());
        if (isWhole) break;
        expect(await cutOff(files, Number.MAX_SAFE_INTEGER, transfer), `resumed after ${after}`).toBe(true);
        expect(result(), `resumed after ${after}`).toBe(expected);
      }
    },
    120_000,
  );

  it('leaves a part that a resume goes on with, until the file is whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 400_000 }), { maxLength: 5 }),
        fc.constantFrom('get', 'put'),
        async (cuts, way) => {
          const here = new LocalFolder();
          const files = new MemoryFiles();
          if (way === 'get') files.file('/f', content);
          else here.file('f', content);
          files.file('/t', 'old');
          here.file('t', 'old');
          const transfer = ({ sftp }: MemorySession): Promise<unknown> =>
            way === 'get'
              ? sftp.get('/f', here.at('t'), { resume: true })
              : sftp.put(here.at('f'), '/t', { resume: true });
          const result = (): string | undefined => (way === 'get' ? here.text('t') : files.text('/t'));
          for (const after of [...cuts, Number.MAX_SAFE_INTEGER]) {
            const isWhole = await cutOff(files, after, transfer);
            expect(result() === (isWhole ? content.toString('latin1') : 'old')).toBe(true);
            if (isWhole) break;
          }
          expect(result() === content.toString('latin1')).toBe(true);
          expect(
            Object.keys(here.tree())
              .concat(Object.keys(files.tree()))
              .filter((path) => path.includes('part')),
          ).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('memory', () => {
  it('of a folder of 100,000 entries that is iterated over is that of some batches', async () => {
    const files = new MemoryFiles();
    const folder = files.folder('/many');
    const node = files.file('/one', 'x');
    for (let i = 0; i < 100_000; i++) folder.entries.set(`f${i}`, node);
    const { sftp, server, channel } = await openMemory({ files });
    let seen = 0;
    let strange = 0;
    let most = 0;
    for await (const { name } of sftp.opendir('/many')) {
      if (name !== `f${seen}`) strange++;
      seen++;
      if (seen % 997 === 0) most = Math.max(most, server.count('readdir') * 100 - seen);
    }
    expect([seen, strange]).toEqual([100_000, 0]);
    expect(most).toBeLessThanOrEqual(34 * 100);
    expect((await sftp.readdir('/many')).length).toBe(100_000);
    await channel.rest();
    expect(server.handles.size).toBe(0);
  }, 120_000);

  it('of a walk over many entries is that of some batches', async () => {
    const files = new MemoryFiles();
    const folder = files.folder('/many');
    const node = files.file('/one', 'x');
    for (let i = 0; i < 20_000; i++) folder.entries.set(`f${i}`, node);
    const { sftp, server } = await openMemory({ files });
    let seen = 0;
    let most = 0;
    for await (const entry of sftp.walk('/many')) {
      expect(entry.isFile()).toBe(true);
      seen++;
      if (seen % 97 === 0) most = Math.max(most, server.count('readdir') * 100 - seen);
    }
    expect(seen).toBe(20_000);
    // What was asked for and not given yet: the batches that are asked ahead, and one more.
    expect(most).toBeLessThanOrEqual(34 * 100);
  });
});
