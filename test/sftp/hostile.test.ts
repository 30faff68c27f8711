/** What a server or a client may try against the other side: texts that reach a terminal, lists and copies without end. */
import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { nodeLocalFiles } from '../../src/node/files/localFiles.ts';
import { serveFolder } from '../../src/node/served/serveFolder.ts';
import { copyData } from '../../src/sftp/packet/extensions.ts';
import { memoryInUse } from '../support/heap.ts';
import { type MemorySession, openMemory } from './memory/channel.ts';
import { bytes, text } from './memory/server.ts';
import { connectTo } from './serve/support.ts';
import { statusOf } from './support.ts';
import { LocalFolder } from './transfer/support.ts';

/** Clears a screen, names a window, goes to the next line. */
const evil = '\x1b[2J\x1b]0;x\x07\n\x9b';
const latin = Buffer.from(evil).toString('latin1');

/** All errors that a call brought, in its result as well. */
async function errorsOf(call: Promise<unknown>): Promise<SshError[]> {
  try {
    const result = (await call) as { readonly failed?: readonly { readonly error: unknown }[] } | undefined;
    return (result?.failed ?? []).map(({ error }) => error as SshError);
  } catch (error) {
    return [error as SshError];
  }
}

async function drained(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

describe('CVE-2019-6109: what a server names', () => {
  const skip = { onError: () => 'skip' as const };
  const calls: Readonly<Record<string, (session: MemorySession, here: LocalFolder) => Promise<unknown>>> = {
    'a walk that is too deep': ({ sftp }) => drained(sftp.walk('/t')),
    'a pattern that is too deep': ({ sftp }) => drained(sftp.glob('/t/**')),
    'a removal that is too deep': ({ sftp }) => sftp.rm('/t', { recursive: true }),
    'a get that is too deep': ({ sftp }, here) => sftp.get('/t', here.at('t'), { recursive: true }),
    'a sync that is too deep': ({ sftp }, here) => sftp.sync(here.folder('t'), '/t', { direction: 'down' }),
    'a sync that removes too deep': ({ sftp }, here) =>
      sftp.sync(here.folder('t'), '/t', { direction: 'up', delete: true, ...skip }),
    'a file that may not be read': ({ sftp }, here) =>
      sftp.get('/shut', here.at('t'), { recursive: true, ...skip }),
    'a file where a folder is to be': ({ sftp }, here) => {
      here.file(`t/${evil}`, 'x');
      return sftp.sync(here.at('t'), '/t', { direction: 'down', ...skip });
    },
    'a folder where a file is to be': ({ sftp }, here) => {
      here.folder(`s/${evil}`);
      return sftp.get('/shut', here.at('s'), { recursive: true, ...skip });
    },
    'a folder that is there as a file': ({ sftp }, here) => {
      here.file(`t/${evil}`, 'x');
      return sftp.get('/t', here.at('t'), { recursive: true, ...skip });
    },
    'a link that leads out': ({ sftp }, here) =>
      sftp.get('/l', here.at('l'), { recursive: true, links: 'copy', ...skip }),
    'a path of its own': ({ sftp }) => sftp.readFile(`/${evil}`),
    'an open file of its own': async ({ sftp }) => {
      const file = await sftp.open(`/shut/${evil}x`, 'w');
      await file.close();
      await file.stat();
    },
    'a name without a file': ({ sftp }, here) => sftp.get(`/${evil}/..`, `${here.path}/`),
    'a folder of this machine': ({ sftp }, here) => sftp.sync(here.at(evil), '/t', { direction: 'up' }),
  };

  it.each(Object.entries(calls))('is escaped in every error: %s', async (_name, call) => {
    const session = await openMemory({
      limits: { sftpNesting: 2 },
      answer: (request) =>
        request.kind === 'open' && text(request.filename) === `/shut/${latin}`
          ? statusOf(3, evil)
          : undefined,
    });
    session.files.file(`/t/${latin}/${latin}/${latin}/${latin}/f`, 'x');
    session.files.file(`/shut/${latin}`, 'x');
    session.files.link(`/l/${latin}`, `/${latin}`);
    const errors = await errorsOf(call(session, new LocalFolder()));
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) {
      expect(error).toBeInstanceOf(SshError);
      expect(error.message).toContain('\\x1b[2J');
      for (const shown of [error.message, error.path ?? '']) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what nothing may have
        expect(shown).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
      }
    }
  });
});

describe('row 65: lists without end', () => {
  it('of a large folder whose names are asked for the names are held, and no more', async () => {
    const held: number[] = [];
    const { sftp, files } = await openMemory({
      answer: (request, server) => {
        if (request.kind !== 'readdir') return undefined;
        const count = server.count('readdir');
        if (count === 5 || count === 45) held.push(memoryInUse());
        if (count > 60) return statusOf(1);
        const names = Array.from({ length: 1000 }, (_, i) => ({
          filename: bytes(`name-${count}-${i}`),
          longname: bytes('-rw-r--r--'),
          attrs: { size: 1n, permissions: 0o100644, uid: 1, gid: 1, atime: 1, mtime: 1 },
        }));
        return { kind: 'name', names };
      },
    });
    files.folder('/many');
    expect((await sftp.readdir('/many')).length).toBeGreaterThan(50_000);
    // Forty thousand names later.
    expect(((held.at(-1) ?? 0) - (held[0] ?? 0)) / 40_000).toBeLessThan(200);
  });

  it('a folder that is too large to be compared is an error of this library', async () => {
    const here = new LocalFolder();
    const name = Buffer.from('f');
    const stat = await nodeLocalFiles.stat(here.path);
    const { sftp, files } = await openMemory({
      local: {
        ...nodeLocalFiles,
        lstat: async () => stat,
        join: (folder) => folder,
        list: async function* () {
          for (let i = 0; i <= 1_000_000; i++) {
            // A name each, of four bytes.
            yield {
              name: Uint8Array.of(
                1 + (i & 0xff),
                1 + ((i >> 8) & 0x7f),
                1 + ((i >> 15) & 0x7f),
                name[0] as number,
              ),
              kind: 'file' as const,
            };
          }
        },
      },
    });
    files.folder('/t');
    await expect(sftp.sync(here.path, '/t', { direction: 'up' })).rejects.toMatchObject({
      code: 'ERR_SSH_LIMIT',
      message: expect.stringContaining('more than 1000000 entries'),
    });
  }, 60_000);
});

describe('a copy on the server', () => {
  it('class: of a file onto its own end comes to an end, whatever the file is called', async () => {
    const here = new LocalFolder();
    const content = 'x'.repeat(300_000);
    here.file('f', content);
    here.link('l', 'f');
    const { sftp, pass } = await connectTo(serveFolder(here.path));
    const { link } = Reflect.get(sftp, 'session');
    for (const [from, to, readDataLength] of [
      ['/f', '/f', 0n],
      ['/f', '//./f', 0n],
      ['/f', '/l', 2n ** 60n],
    ] as const) {
      const size = statSync(here.at('f')).size;
      const source = await sftp.open(from);
      const target = await sftp.open(to, 'r+');
      const payload = copyData.toBytes({
        readFromHandle: source.handle,
        readFromOffset: 0n,
        readDataLength,
        writeToHandle: target.handle,
        writeToOffset: BigInt(size),
      });
      const answer = await link.ask(
        { kind: 'extended', extendedRequest: 'copy-data', payload },
        { name: 'copy', path: from },
        undefined,
      );
      expect(answer.kind).toBe('status');
      // What it had when the copy began, once, or nothing.
      expect([size, 2 * size]).toContain(statSync(here.at('f')).size);
      await source.close();
      await target.close();
    }
    pass(0);
  });

  it('of a file that does not tell its size goes up to its end', async () => {
    const { sftp, files, server } = await openMemory();
    files.file('/f', 'abc');
    await sftp.copyFile('/f', '/g');
    expect([files.text('/g'), server.count('read')]).toEqual(['abc', 0]);
    expect(bytes('abc')).toHaveLength(3);
  });
});

describe('a link that a server lists', () => {
  it('class: that leads to a link however often it is asked is not followed for ever', async () => {
    let asked = 0;
    const { sftp, channel } = await openMemory({
      answer: (request) => {
        if (request.kind === 'lstat') {
          asked++;
          return { kind: 'attrs', attrs: { permissions: 0o120777 } };
        }
        if (request.kind !== 'realpath') return undefined;
        return { kind: 'name', names: [{ filename: request.path, longname: bytes(''), attrs: {} }] };
      },
    });
    let isDone = false;
    const outcome = errorsOf(sftp.put(bytes('x'), '/l')).finally(() => {
      isDone = true;
    });
    for (let round = 0; round < 50 && !isDone; round++) await channel.rest();
    expect([isDone, asked]).toEqual([true, 2]);
    expect((await outcome)[0]).toMatchObject({ code: 'ERR_SSH_TRANSFER', origin: 'peer', path: '/l' });
    await sftp.close();
  });

  it('class: whose text no system takes is an error of that link, and the others are made', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.link('/t/nul', 'a\0b');
    files.link('/t/long', 'x'.repeat(4096));
    files.link('/t/fine', 'f');
    files.file('/t/f', 'x');
    const { failed, links } = await sftp.get('/t', here.at('t'), {
      recursive: true,
      links: 'copy',
      onError: () => 'skip',
    });
    expect(links).toBe(1);
    expect(failed.map(({ path }) => path).sort()).toEqual(['/t/long', '/t/nul']);
    for (const { error } of failed) expect(error).toBeInstanceOf(SshError);
    expect(here.tree('t')).toEqual({ f: 'x', fine: '-> f' });
  });
});
