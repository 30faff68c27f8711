/** Unix sockets that forwards listen on: whose they are, who may use them, and what else lies where they are. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import * as files from 'node:fs/promises';
import { createServer, connect as dial, Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LocalListener } from '../../src/forwarding/local.ts';
import type { ListenPath } from '../../src/forwarding/places.ts';
import { localNetwork } from '../../src/node/localNetwork.ts';

vi.mock('node:fs/promises', { spy: true });

const fault = (code: string): Error => Object.assign(new Error(code), { code });

let folder: string;
let path: string;
const listeners: LocalListener[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'us-'));
  path = join(folder, 's');
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.resetAllMocks();
  for (const listener of listeners.splice(0)) await listener.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Listens, and says its name to everybody who connects. */
async function listen(name: string, place: Partial<ListenPath> = {}): Promise<LocalListener> {
  const listener = await localNetwork.listen(
    { path, ...place },
    (local) =>
      local.sink.write(Buffer.from(name), () => {
        local.sink.end(() => local.destroy(false));
      }),
    () => {},
  );
  listeners.push(listener);
  return listener;
}

/** The name of who listens at a path; the code of the error where nobody does. */
function whoIsAt(at: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket: Socket = dial(at);
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.on('data', (bytes) => resolve(bytes.toString()));
  });
}

const modes = [0o600, 0o660, 0o666, 0o700, 0o777, 0o000];

/** Ways in which a machine keeps a socket from being made beside its place. */
const obstacles: readonly [string, () => void][] = [
  ['nothing stands in the way', () => {}],
  ['there are no hard links', () => vi.mocked(files.link).mockRejectedValue(fault('EPERM'))],
  ['no folder can be made', () => vi.mocked(files.mkdtemp).mockRejectedValue(fault('EACCES'))],
  ['no permissions can be changed', () => vi.mocked(files.chmod).mockRejectedValue(fault('ENOSYS'))],
];

describe.each(obstacles)('a unix socket where %s', (_name, obstruct) => {
  beforeEach(() => {
    obstruct();
  });

  it('has its mode, works, leaves nothing beside it and goes with its listener', async () => {
    for (const mode of modes) {
      const listener = await listen('it', { mode });
      expect(statSync(path).mode & 0o777).toBe(mode);
      expect(await whoIsAt(path)).toBe('it');
      expect(readdirSync(folder)).toEqual(['s']);
      await listener.close();
      expect(readdirSync(folder)).toEqual([]);
    }
    await listen('it');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is not made over anything, whatever it is', async () => {
    const inTheWay: readonly [string, () => void][] = [
      ['a file', () => writeFileSync(path, 'precious')],
      ['an empty folder', () => mkdirSync(path)],
      ['a link that leads nowhere', () => symlinkSync('nowhere', path)],
    ];
    for (const [, put] of inTheWay) {
      put();
      for (const unlink of [undefined, true]) {
        await expect(listen('it', { unlink })).rejects.toMatchObject({
          code: 'ERR_SSH_FORWARD',
          message: expect.stringContaining('something lies there already'),
        });
      }
      expect(readdirSync(folder)).toEqual(['s']);
      rmSync(path, { recursive: true });
    }
  });

  it('takes the place of an old one only where that is asked for', async () => {
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(join(folder, 'other'), resolve));
    await files.rename(join(folder, 'other'), path);
    await new Promise((resolve) => left.close(resolve));
    await expect(listen('new')).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    await listen('new', { unlink: true });
    expect(await whoIsAt(path)).toBe('new');
  });
});

describe('the end of a listener', () => {
  it('leaves the socket of whoever took its place', async () => {
    const first = await listen('first');
    await listen('second', { unlink: true });
    await first.close();
    expect(await whoIsAt(path)).toBe('second');
  });

  it('leaves what else came to lie there', async () => {
    const listener = await listen('it');
    unlinkSync(path);
    writeFileSync(path, 'precious');
    await listener.close();
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('finds its socket gone, or a folder there, and ends all the same', async () => {
    const listener = await listen('it');
    unlinkSync(path);
    await listener.close();
    const other = await listen('other');
    unlinkSync(path);
    mkdirSync(path);
    await other.close();
    expect(readdirSync(folder)).toEqual(['s']);
  });

  it('knows a relative path again behind a change of the folder', async () => {
    const before = process.cwd();
    try {
      process.chdir(folder);
      const listener = await listen('it', { path: 's' });
      process.chdir(before);
      expect(await whoIsAt(path)).toBe('it');
      await listener.close();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });
});

it('needs no mask of permissions, which a thread beside the main one cannot set', async () => {
  vi.spyOn(process, 'umask').mockImplementation(() => {
    throw fault('ERR_WORKER_UNSUPPORTED_OPERATION');
  });
  await listen('it', { mode: 0o640 });
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(await whoIsAt(path)).toBe('it');
});

it('may have a path as long as the system takes', async () => {
  for (const length of [90, 95, 96, 97, 100, 103, 107]) {
    const long = join(folder, 'x'.repeat(length - folder.length - 1));
    expect(long).toHaveLength(length);
    const listener = await listen('it', { path: long });
    expect([await whoIsAt(long), statSync(long).mode & 0o777]).toEqual(['it', 0o600]);
    await listener.close();
    expect(readdirSync(folder)).toEqual([]);
  }
});

it('says that there is no such folder, or that nothing may be made in it', async () => {
  await expect(listen('it', { path: join(folder, 'none', 's') })).rejects.toMatchObject({
    code: 'ERR_SSH_FORWARD',
    message: expect.stringContaining('there is no such folder'),
  });
});

it('is one process’s own in a cluster, and so is a port', async () => {
  const { listen: real } = Server.prototype;
  const asked: unknown[] = [];
  vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...given: unknown[]) {
    asked.push(given[0]);
    return Reflect.apply(real, this, given) as Server;
  });
  await listen('it');
  for (const host of ['127.0.0.1', 'localhost', '']) {
    const listener = await localNetwork.listen(
      { host, port: 0 },
      (local) => local.destroy(false),
      () => {},
    );
    await listener.close();
  }
  expect(asked.length).toBeGreaterThan(3);
  expect(asked).toEqual(asked.map(() => expect.objectContaining({ exclusive: true })));
});
