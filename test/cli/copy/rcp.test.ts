/** Both sides of scp's old protocol, joined by pipes in memory; and either side with an other that breaks its rules. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RcpPipe } from '../../../src/cli/copy/rcp/pipe.ts';
import { RateLimit } from '../../../src/cli/copy/rcp/rateLimit.ts';
import type { SideOptions } from '../../../src/cli/copy/rcp/side.ts';
import { RcpSink, type SinkOptions } from '../../../src/cli/copy/rcp/sink.ts';
import { RcpSource } from '../../../src/cli/copy/rcp/source.ts';
import { treeOf, useFolders } from '../../support/cli/trees.ts';

const newFolder = useFolders();
const signal = new AbortController().signal;

function pipeOf(input: Readable, output: Writable, timeout = 5_000): RcpPipe {
  return new RcpPipe({ input, output, timeout, host: 'h', signal });
}

interface Outcome {
  readonly problems: string[];
  readonly done: string[];
  readonly moved: number;
  /** What the source said, byte for byte. */
  readonly said: string;
}

const plain = { recursive: false, preserve: false, limitRate: undefined } as const;

/** Sends these paths to that target. */
async function send(
  paths: readonly string[],
  target: string,
  options: Partial<SinkOptions> = {},
): Promise<Outcome> {
  const [forth, back, copy] = [new PassThrough(), new PassThrough(), new PassThrough()];
  forth.pipe(copy);
  const problems: string[] = [];
  const done: string[] = [];
  let moved = 0;
  const common: SideOptions = {
    ...plain,
    ...options,
    failed: (problem) => problems.push(problem),
    moved: (_path, bytes) => {
      moved += bytes;
    },
  };
  const source = new RcpSource(pipeOf(back, forth), { ...common, moved: () => {} });
  const sink = new RcpSink(pipeOf(forth, back), {
    mustBeFolder: false,
    isWanted: () => true,
    done: (path) => done.push(path),
    ...common,
  });
  const received = sink.receive(target);
  await source.send(paths);
  forth.end();
  await received;
  return { problems, done, moved, said: await text(copy) };
}

describe('scp by its old protocol', () => {
  it('brings a file with its permissions, byte for byte, as the lines say that scp sends', async () => {
    const folder = newFolder();
    const umask = process.umask(0);
    try {
      const content = Buffer.alloc(600_000, 'abcdefg');
      writeFileSync(join(folder, 'f'), content);
      chmodSync(join(folder, 'f'), 0o640);
      const { problems, done, moved, said } = await send([join(folder, 'f')], join(folder, 'g'));
      expect([problems, done, moved]).toEqual([[], [join(folder, 'g')], 600_000]);
      expect(readFileSync(join(folder, 'g')).equals(content)).toBe(true);
      expect(statSync(join(folder, 'g')).mode & 0o7777).toBe(0o640);
      expect(said.slice(0, 16)).toBe('C0640 600000 f\na');
      expect(said.at(-1)).toBe('\0');
    } finally {
      process.umask(umask);
    }
  });

  it('keeps times and permissions with -p alone', async () => {
    const folder = newFolder();
    const [f, d] = [join(folder, 'f'), join(folder, 'd')];
    mkdirSync(d);
    writeFileSync(join(d, 'inner'), '1');
    writeFileSync(f, '22');
    chmodSync(f, 0o604);
    chmodSync(d, 0o750);
    utimesSync(f, 1_000_000, 1_000_001);
    utimesSync(d, 1_000_002, 1_000_003);
    mkdirSync(join(folder, 'to'));
    const kept = await send([f, d], join(folder, 'to'), { preserve: true, recursive: true });
    expect(kept.problems).toEqual([]);
    expect(kept.said).toContain('T1000001 0 1000000 0\nC0604 2 f\n');
    expect(kept.said).toContain('T1000003 0 1000002 0\nD0750 0 d\n');
    for (const [name, mode, mtime] of [
      ['f', 0o604, 1_000_001],
      ['d', 0o750, 1_000_003],
    ] as const) {
      const stats = statSync(join(folder, 'to', name));
      expect([name, stats.mode & 0o777, stats.mtimeMs / 1000]).toEqual([name, mode, mtime]);
    }
    const bare = await send([f], join(folder, 'to', 'bare'));
    expect(bare.said).toMatch(/^C0604 2 f\n/);
    expect(statSync(join(folder, 'to', 'bare')).mtimeMs / 1000).not.toBe(1_000_001);
  });

  it('brings a folder with all that is in it, and follows links', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'd/sub/empty'), { recursive: true });
    writeFileSync(join(folder, 'd/one'), '1');
    writeFileSync(join(folder, 'd/sub/two'), '');
    writeFileSync(join(folder, 'd/new\nline'), 'n');
    symlinkSync('one', join(folder, 'd/link'));
    const { problems, moved } = await send([join(folder, 'd')], join(folder, 'e'), { recursive: true });
    expect([problems, moved]).toEqual([[], 3]);
    const names = readdirSync(join(folder, 'e'), { recursive: true }).map(String).sort();
    expect(names).toEqual(['link', 'new\\^Jline', 'one', 'sub', 'sub/empty', 'sub/two']);
    expect(readFileSync(join(folder, 'e/link'), 'utf8')).toBe('1');
  });

  it('says what it does not send, and goes on with the rest', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'd'));
    mkdirSync(join(folder, 'to'));
    writeFileSync(join(folder, 'f'), 'x');
    const { problems, done } = await send(
      [join(folder, 'd'), join(folder, 'none'), '/dev/null', join(folder, 'f')],
      join(folder, 'to'),
    );
    expect(done).toEqual([join(folder, 'to', 'f')]);
    // Each problem is said on both sides.
    const own = problems.filter((problem) => !problem.startsWith('scp: '));
    expect(own).toEqual([
      expect.stringContaining('it is a folder, which -r takes'),
      expect.stringContaining('no such file'),
      expect.stringContaining('it is a device, a pipe or a socket'),
    ]);
    expect(problems.filter((problem) => problem.startsWith('scp: '))).toHaveLength(3);
  });

  it('nests 64 folders and no more, on both sides: what is deeper stays behind, and the rest goes on', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, ...Array.from({ length: 65 }, () => 'd')), { recursive: true });
    writeFileSync(join(folder, 'd', 'z'), 'last');
    const { problems } = await send([join(folder, 'd')], join(folder, 'e'), { recursive: true });
    expect(problems.filter((problem) => !problem.startsWith('scp: '))).toEqual([
      expect.stringContaining('deeper than 64 folders'),
    ]);
    expect(readFileSync(join(folder, 'e', 'z'), 'utf8')).toBe('last');
    const sent = (count: number): boolean =>
      existsSync(join(folder, 'e', ...Array.from({ length: count - 1 }, () => 'd')));
    expect([sent(64), sent(65)]).toEqual([true, false]);
  });

  it('wants a folder for several files', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'f'), 'x');
    const [input, output] = [new PassThrough(), new PassThrough()];
    const problems: string[] = [];
    const sink = new RcpSink(pipeOf(input, output), {
      ...plain,
      mustBeFolder: true,
      isWanted: () => true,
      failed: (problem) => problems.push(problem),
      moved: () => {},
      done: () => {},
    });
    await sink.receive(join(folder, 'f'));
    output.end();
    expect(problems).toEqual([`"${join(folder, 'f')}" is not a folder`]);
    // It is fatal: nothing follows.
    expect(await text(output)).toBe(`\x02scp: "${join(folder, 'f')}" is not a folder\n`);
  });

  it('writes into a file with several names, through a link that was named, and never through another', async () => {
    const folder = newFolder();
    const at = (name: string): string => join(folder, name);
    writeFileSync(at('f'), 'new');
    writeFileSync(at('one'), 'old');
    linkSync(at('one'), at('two'));
    expect((await send([at('f')], at('two'))).problems).toEqual([]);
    expect([readFileSync(at('one'), 'utf8'), statSync(at('one')).nlink]).toEqual(['new', 2]);
    writeFileSync(at('behind'), 'old');
    symlinkSync('behind', at('link'));
    expect((await send([at('f')], at('link'))).problems).toEqual([]);
    expect(readFileSync(at('behind'), 'utf8')).toBe('new');
    mkdirSync(at('to'));
    writeFileSync(at('outside'), 'mine');
    symlinkSync('../outside', at('to/f'));
    expect((await send([at('f')], at('to'))).problems).toContainEqual(
      expect.stringContaining('it is a link, which is not written through'),
    );
    expect(readFileSync(at('outside'), 'utf8')).toBe('mine');
    mkdirSync(at('to2/f'), { recursive: true });
    expect((await send([at('f')], at('to2'))).problems).toContainEqual(
      expect.stringContaining('it is a folder'),
    );
    expect(treeOf(at('to2'))).toEqual([expect.stringMatching(/^\/f\/ /)]);
  });

  it('keeps the permissions of a file that it replaces', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'f'), 'new', { mode: 0o644 });
    writeFileSync(join(folder, 'g'), 'old', { mode: 0o600 });
    await send([join(folder, 'f')], join(folder, 'g'));
    expect([readFileSync(join(folder, 'g'), 'utf8'), statSync(join(folder, 'g')).mode & 0o777]).toEqual([
      'new',
      0o600,
    ]);
  });
});

describe('a side whose other breaks the rules', () => {
  /** A sink that is sent this; what it says of it. */
  async function receive(bytes: string, options: Partial<SinkOptions> = {}, end = true): Promise<string> {
    const folder = newFolder();
    const [input, output] = [new PassThrough(), new PassThrough()];
    const sink = new RcpSink(pipeOf(input, output, 40), {
      ...plain,
      mustBeFolder: false,
      isWanted: () => true,
      failed: () => {},
      moved: () => {},
      done: () => {},
      ...options,
    });
    input.write(Buffer.from(bytes, 'latin1'));
    if (end) input.end();
    try {
      await sink.receive(join(folder, 't'));
      return `taken: ${readdirSync(folder).join()}`;
    } catch (error) {
      // Nothing half-written is left.
      expect(readdirSync(folder).filter((name) => name !== 't')).toEqual([]);
      return (error as Error).message;
    }
  }

  it.each([
    ['C0644 2 f\nxx\0', 'taken: t'],
    ['', 'taken: '],
    ['C0644 2 f\nx', 'it ended within a file'],
    ['C0644 2 f\nxx', 'it ended within a file'],
    ['C0644 2 f', 'it ended within a line'],
    ['E\n', 'it ended a folder that it had not begun'],
    ['D0755 0 d\n', 'no folder was asked for'],
    ['\x02no more\n', 'it gave up'],
    ['\x01only this one\nC0644 1 f\nx\0', 'taken: t'],
    [`C0644 1 ${'f'.repeat(9_000)}\nx\0`, 'a line of more than 8192 bytes'],
    ['C0644 2 f\nxx\x07', 'which is no answer'],
    ['C0644 2 f\nxx\x02broke\n', 'it gave up: broke'],
  ])('is told of %j: %s', async (bytes, message) => {
    expect(await receive(bytes)).toContain(message);
  });

  it.each([
    ['D0755 0 d\n', 'it ended within a folder'],
    [`${'D0755 0 d\n'.repeat(65)}`, 'it sent folders deeper than 64'],
    ['D0755 0 d\nE\nE\n', 'it had not begun'],
    ['D0755 0 d\nC0644 1 f\nx\0E\n', 'taken: t'],
  ])('is told of %j with folders: %s', async (bytes, message) => {
    expect(await receive(bytes, { recursive: true })).toContain(message);
  });

  it('takes no name that was not asked for', async () => {
    const isWanted = (name: string): boolean => name === 'wanted';
    expect(await receive('C0644 1 other\nx\0', { isWanted })).toContain('which was not asked for');
    expect(await receive('C0644 1 wanted\nx\0', { isWanted })).toBe('taken: t');
  });

  it('ends by a deadline where nothing more comes', async () => {
    expect(await receive('C0644 2 f\nx', {}, false)).toContain('did not answer within 40 ms');
  });

  it('sends nothing where it is refused, and says why', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'f'), 'x');
    const answers = async (bytes: string): Promise<[string[], string, string | undefined]> => {
      const [input, output] = [new PassThrough(), new PassThrough()];
      const problems: string[] = [];
      const source = new RcpSource(pipeOf(input, output, 40), {
        ...plain,
        failed: (problem) => problems.push(problem),
        moved: () => {},
      });
      input.end(Buffer.from(bytes, 'latin1'));
      const error = await source.send([join(folder, 'f')]).then(
        () => undefined,
        (thrown: Error) => thrown.message,
      );
      output.end();
      return [problems, await text(output), error];
    };
    expect(await answers('\0\0\0')).toEqual([[], 'C0644 1 f\nx\0', undefined]);
    expect(await answers('\0\x01it is full\n')).toEqual([['it is full'], 'C0644 1 f\n', undefined]);
    expect(await answers('\x01no scp here\n')).toEqual([[], '', 'scp on h: no scp here']);
    expect(await answers('\0\0\x01write error\n')).toEqual([
      [`"${join(folder, 'f')}": write error`],
      'C0644 1 f\nx\0',
      undefined,
    ]);
    expect((await answers('\0'))[2]).toContain('it ended within a file');
    expect((await answers('Welcome!\n'))[2]).toContain('"Welcome!", which is no answer');
  });
});

describe('what the disk refuses', () => {
  it('fails the one file: a full device, which the other side is told of', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'f'), 'x'.repeat(1_000));
    if (!existsSync('/dev/full')) return;
    const { problems, done } = await send([join(folder, 'f')], '/dev/full');
    expect(done).toEqual([]);
    expect(problems[0]).toMatch(/^cannot write "\/dev\/full": .*\(ENOSPC\)$/);
    expect(problems[1]).toContain('ENOSPC');
    expect(existsSync('/dev/full')).toBe(true);
  });

  it('fails a file that becomes shorter while it is sent, of which nothing is kept', async () => {
    const folder = newFolder();
    const path = join(folder, 'f');
    writeFileSync(path, Buffer.alloc(900_000, 'x'));
    chmodSync(path, 0o644);
    const [input, output] = [new PassThrough(), new PassThrough()];
    const problems: string[] = [];
    const source = new RcpSource(pipeOf(input, output), {
      ...plain,
      failed: (problem) => problems.push(problem),
      moved: () => truncateSync(path, 300_000),
    });
    input.end('\0\0\0');
    const sent = text(output);
    await source.send([path]);
    output.end();
    // As many bytes go as were announced, and then that they are not the file's.
    const [head = '', rest = ''] = (await sent).split('\n');
    expect(head).toBe('C0644 900000 f');
    expect(rest.slice(0, 300_000)).toBe('x'.repeat(300_000));
    expect(rest.slice(300_000, 900_000)).toBe('\0'.repeat(600_000));
    expect(rest.slice(900_000)).toBe(`\x01scp: "${path}" became shorter while it was sent`);
    expect(problems).toEqual([`"${path}" became shorter while it was sent`]);
  });

  it('ends all of it where a folder cannot be made, or is there as a file', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'd/sub'), { recursive: true });
    mkdirSync(join(folder, 'to'));
    writeFileSync(join(folder, 'to/d'), 'mine');
    const attempt = (target: string): Promise<unknown> =>
      send([join(folder, 'd')], join(folder, target), { recursive: true }).then(
        () => 'taken',
        (error: Error) => error.message,
      );
    // The source is told nothing more: its own wait ends.
    const received = async (target: string, bytes: string): Promise<string> => {
      const [input, output] = [new PassThrough(), new PassThrough()];
      const options = { ...plain, recursive: true, mustBeFolder: false, isWanted: () => true };
      const sink = new RcpSink(pipeOf(input, output, 40), {
        ...options,
        failed: () => {},
        moved: () => {},
        done: () => {},
      });
      input.end(bytes);
      return sink.receive(join(folder, target)).then(
        () => 'taken',
        (error: Error) => error.message,
      );
    };
    expect(await received('to', 'D0755 0 d\nE\n')).toMatch(/\/to\/d" is there already, and is not a folder$/);
    expect(await received('to/d', 'D0755 0 x\nE\n')).toMatch(
      /\/to\/d" is there already, and is not a folder$/,
    );
    expect(await received('none/there', 'D0755 0 x\nE\n')).toMatch(
      /^scp on h: cannot make the folder ".*\/none\/there": .*\(ENOENT\)$/,
    );
    expect(readFileSync(join(folder, 'to/d'), 'utf8')).toBe('mine');
    expect(await attempt('new')).toBe('taken');
  });

  it.each(['..', '.', 'a/b'])('takes no file that is called %j', async (name) => {
    const folder = newFolder();
    const [input, output] = [new PassThrough(), new PassThrough()];
    const sink = new RcpSink(pipeOf(input, output, 40), {
      ...plain,
      mustBeFolder: false,
      isWanted: () => true,
      failed: () => {},
      moved: () => {},
      done: () => {},
    });
    input.end(`C0644 1 ${name}\nx\0`);
    await expect(sink.receive(folder)).rejects.toMatchObject({ code: 'ERR_SSH_TRANSFER', origin: 'peer' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a bound on bytes a second', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('lets the next bytes go once all before them may have gone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const limit = new RateLimit(1_000);
    const gone: number[] = [];
    const start = performance.now();
    const all = (async () => {
      for (const bytes of [500, 250]) {
        await limit.take(bytes);
        gone.push(performance.now() - start);
      }
    })();
    await vi.advanceTimersByTimeAsync(2_000);
    await all;
    expect(gone).toEqual([500, 750]);
    // Time in which nothing went is not made up for.
    const late = limit.take(100);
    await vi.advanceTimersByTimeAsync(99);
    let isGone = false;
    void late.then(() => {
      isGone = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(isGone).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await late;
    const free = new RateLimit(undefined);
    await free.take(1e9);
  });
});
