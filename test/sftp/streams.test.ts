/** Files as streams. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { openMemory } from './memory/channel.ts';
import { bytes } from './memory/server.ts';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

const closed = (stream: Readable): Promise<void> => new Promise((resolve) => stream.once('close', resolve));

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

describe('a reading stream', () => {
  it('has all of a file, or a part, the end included', async () => {
    const { sftp, files, server, channel } = await openMemory();
    const content = 'abcdefghij'.repeat(30_000);
    files.file('/f', content);
    expect(await textOf(sftp.createReadStream('/f'))).toBe(content);
    expect(await textOf(sftp.createReadStream('/f', { start: 3, end: 5 }))).toBe('def');
    expect(await textOf(sftp.createReadStream('/f', { start: 299_998 }))).toBe('ij');
    expect(await textOf(sftp.createReadStream('/f', { start: 400_000 }))).toBe('');
    expect(await textOf(sftp.createReadStream('/f', { start: 5, end: 4 }))).toBe('');
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });

  it('gives text in its encoding', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', Buffer.from('grüße'));
    let found = '';
    for await (const chunk of sftp.createReadStream('/f', { encoding: 'utf8' })) found += chunk as string;
    expect(found).toBe('grüße');
  });

  it('takes a high-water mark of any length up to a GiB', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', 'x'.repeat(100_000));
    for (const highWaterMark of [1, 1024, 65_536, 1024 ** 3]) {
      const stream = sftp.createReadStream('/f', { highWaterMark });
      expect(stream.readableHighWaterMark).toBe(highWaterMark);
      expect(await textOf(stream)).toHaveLength(100_000);
      expect(sftp.createWriteStream('/g', { highWaterMark }).destroy().writableHighWaterMark).toBe(
        highWaterMark,
      );
    }
    for (const highWaterMark of [0, 1.5, 1024 ** 3 + 1]) {
      expect(() => sftp.createReadStream('/f', { highWaterMark })).toThrow('highWaterMark');
    }
  });

  it('asks for no more than its window while its consumer takes nothing', async () => {
    const limits = { sftpBytesInFlight: 256 * 1024 };
    const { sftp, files, server, channel } = await openMemory({ limits });
    files.file('/f', Buffer.alloc(20 * 1024 * 1024));
    const stream = sftp.createReadStream('/f');
    stream.once('readable', () => {});
    await turns(300);
    const asked = server.seen.reduce(
      (sum, request) => sum + (request.kind === 'read' ? request.length : 0),
      0,
    );
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(limits.sftpBytesInFlight + 3 * 256 * 1024);
    stream.destroy();
    await closed(stream);
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });

  it('breaks with the error of the server, and ends no process that does not listen', async () => {
    const { sftp, files } = await openMemory({
      answer: (request, server) =>
        request.kind === 'read' && server.count('read') > 2
          ? { kind: 'status', errorCode: 4, errorMessage: bytes('bad disk'), languageTag: bytes('') }
          : undefined,
    });
    files.file('/f', Buffer.alloc(1_000_000));
    await expect(textOf(sftp.createReadStream('/f'))).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_FAILURE',
      path: '/f',
    });
    const unheard = sftp.createReadStream('/nope');
    unheard.resume();
    await closed(unheard);
    expect(unheard.errored).toMatchObject({ code: 'ERR_SSH_SFTP_NO_SUCH_FILE' });
  });

  it('is destroyed by its signal', async () => {
    const { sftp, files, server, channel } = await openMemory();
    files.file('/f', Buffer.alloc(5_000_000));
    const aborter = new AbortController();
    const stream = sftp.createReadStream('/f', { signal: aborter.signal });
    stream.once('data', () => aborter.abort());
    await closed(stream);
    expect(stream.errored).toMatchObject({ code: 'ERR_SSH_ABORTED' });
    await channel.rest();
    expect(server.handles.size).toBe(0);
    const late = sftp.createReadStream('/f', { signal: AbortSignal.abort() });
    await closed(late);
    expect(late.errored).toMatchObject({ code: 'ERR_SSH_ABORTED' });
  });
});

describe('a writing stream', () => {
  it('finishes when the server has confirmed all and the close', async () => {
    const { sftp, files, server } = await openMemory();
    const stream = sftp.createWriteStream('/f', { mode: 0o600 });
    for (let i = 0; i < 1000; i++) stream.write('x'.repeat(300));
    stream.end();
    await once(stream, 'finish');
    expect(files.text('/f')).toBe('x'.repeat(300_000));
    expect(files.attributes(files.find('/f', true)).permissions).toBe(0o100600);
    expect(server.handles.size).toBe(0);
    // Many small writes are few requests.
    expect(server.count('write')).toBeLessThan(40);
  });

  it('makes an empty file of nothing', async () => {
    const { sftp, files } = await openMemory();
    const stream = sftp.createWriteStream('/empty');
    stream.end();
    await once(stream, 'finish');
    expect(files.text('/empty')).toBe('');
  });

  it('changes a part, or appends', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', '0123456789');
    await pipeline(Readable.from(['ab']), sftp.createWriteStream('/f', { flags: 'r+', start: 4 }));
    expect(files.text('/f')).toBe('0123ab6789');
    await pipeline(Readable.from(['yz']), sftp.createWriteStream('/f', { flags: 'a' }));
    expect(files.text('/f')).toBe('0123ab6789yz');
  });

  it('holds its writer back while the server confirms nothing', async () => {
    const limits = { sftpBytesInFlight: 256 * 1024 };
    const { sftp, server } = await openMemory({
      limits,
      answer: ({ kind }) => (kind === 'write' ? 'silence' : undefined),
    });
    const stream = sftp.createWriteStream('/f');
    let taken = 0;
    while (taken < 50 * 1024 * 1024) {
      if (!stream.write(new Uint8Array(64 * 1024))) {
        await turns(20);
        if (stream.writableNeedDrain) break;
      }
      taken += 64 * 1024;
    }
    const sent = server.seen.reduce(
      (sum, request) => sum + (request.kind === 'write' ? request.data.length : 0),
      0,
    );
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(limits.sftpBytesInFlight);
    expect(taken).toBeLessThan(2 * 1024 * 1024);
    stream.destroy();
  });

  it('row 61: breaks with the first WRITE that failed', async () => {
    let writes = 0;
    const { sftp, server, channel } = await openMemory({
      answer: (request) =>
        request.kind === 'write' && ++writes === 3
          ? { kind: 'status', errorCode: 4, errorMessage: bytes('disk full'), languageTag: bytes('') }
          : undefined,
    });
    const source = Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(65_536)));
    await expect(pipeline(source, sftp.createWriteStream('/f'))).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_FAILURE',
      path: '/f',
      message: expect.stringContaining('disk full'),
    });
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });
});
