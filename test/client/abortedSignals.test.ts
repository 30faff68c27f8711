/**
 * A signal that is aborted before the call: every call of the public API that takes
 * one rejects with `ERR_SSH_ABORTED` and does nothing, also where nothing would have
 * to be waited for. A method that is new and not here does not compile.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { resolveHost } from '../../src/entry/config.ts';
import {
  acceptAnyHostKey,
  type Client,
  connect,
  createPool,
  openTunnel,
  runOnAll,
  type Sftp,
  type SftpFile,
} from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer, serveFolder } from '../../src/entry/server.ts';

const reason = new Error('told to stop');
const signal = AbortSignal.abort(reason);

let folder = '';
let server: SshServer;
let client: Client;
let sftp: Sftp;
let file: SftpFile;
let target: { host: string; port: number; username: string };
const dial = { auth: ['none'] as const, verifyHostKey: acceptAnyHostKey() };
let commands = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-aborted-'));
  writeFileSync(join(folder, 'f'), 'content');
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    exec: () => {
      commands++;
      return 0;
    },
    sftp: serveFolder(folder),
    forwarding: { local: () => true, remote: () => true },
  });
  const { port } = await server.listen();
  target = { host: '127.0.0.1', port, username: 'ops' };
  client = await connect({ ...target, ...dial });
  sftp = await client.sftp();
  file = await sftp.open('f', 'r+');
});
afterAll(async () => {
  await client.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

type Calls = Readonly<Record<string, () => unknown>>;

/** The public methods of a class but some: the compiler holds that each of them is called below. */
type CallsOf<T, Without extends keyof T> = Readonly<
  Record<
    Exclude<
      { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T] & string,
      Without
    >,
    () => unknown
  >
>;

/** Asserts the law over calls; what they might have left open is awaited. */
function law(calls: () => Calls): void {
  for (const name of Object.keys(calls())) {
    it(name, async () => {
      const call = calls()[name] as () => unknown;
      let error: unknown;
      try {
        await call();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(SshError);
      expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', origin: 'user', cause: reason });
    });
  }
}

async function all(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of iterable) {
    // Nothing may come.
  }
}

describe('functions', () => {
  law(() => ({
    connect: () => connect({ ...target, ...dial, signal }),
    resolveHost: () => resolveHost('alpha', { files: [{ path: 'config', text: 'Port 22\n' }], signal }),
    'resolveHost without files': () => resolveHost('alpha', { files: [], signal }),
    runOnAll: () => all(runOnAll([target], 'true', { ...dial, signal })),
    'runOnAll of nothing': () => all(runOnAll([], 'true', { ...dial, signal })),
    openTunnel: () => openTunnel({ ...target, ...dial }, { port: 0 }, { host: 'h', port: 1 }, { signal }),
    'openTunnel by the options of its dial': () =>
      openTunnel({ ...target, ...dial, signal }, { port: 0 }, { host: 'h', port: 1 }),
    'use of a pool': async () => {
      await using pool = createPool<typeof target>({ connect: (to) => ({ ...to, ...dial }) });
      await pool.use(target, () => commands++, { signal });
    },
    'use of a pool, with a connection that waits for work': async () => {
      await using pool = createPool<typeof target>({ connect: (to) => ({ ...to, ...dial }) });
      await pool.use(target, (there) => there.ping());
      await pool.use(target, () => commands++, { signal });
    },
  }));
});

describe('a client', () => {
  const to = { host: '127.0.0.1', port: 1 };
  const calls = (): CallsOf<Client, 'close' | 'destroy' | 'httpAgent' | 'inspect' | 'noMoreSessions'> => ({
    run: () => client.run('true', { signal }),
    exec: () => client.exec('true', { signal }),
    shell: () => client.shell({ signal }),
    subsystem: () => client.subsystem('sftp', { signal }),
    sftp: () => client.sftp({ signal }),
    put: () => client.put(Buffer.from('x'), 'new', { signal }),
    get: () => client.get('f', join(folder, 'got'), { signal }),
    openTcp: () => client.openTcp('127.0.0.1', target.port, { signal }),
    openUnix: () => client.openUnix('/nowhere', { signal }),
    openPort: () => client.openPort(to, { signal }),
    forwardLocal: () => client.forwardLocal({ port: 0 }, to, { signal }),
    forwardRemote: () => client.forwardRemote({ port: 0 }, to, { signal }),
    forwardSocks: () => client.forwardSocks({ port: 0 }, { signal }),
    forwardRemoteSocks: () => client.forwardRemoteSocks({ port: 0 }, { signal }),
    ping: () => client.ping({ signal }),
    rekey: () => client.rekey({ signal }),
    runToEnd: () => client.runToEnd('true', { signal }),
    startLenient: () => client.startLenient('true', { signal }),
    startSubsystem: () => client.startSubsystem('sftp', { signal }),
  });
  law(calls);
});

describe('an SFTP session', () => {
  const calls = (): CallsOf<Sftp, 'close' | 'getWithin' | 'opendir' | 'putWithin'> => ({
    readFile: () => sftp.readFile('f', { signal }),
    writeFile: () => sftp.writeFile('new', 'x', { signal }),
    appendFile: () => sftp.appendFile('new', 'x', { signal }),
    open: () => sftp.open('new', 'w', 0o600, { signal }),
    copyFile: () => sftp.copyFile('f', 'new', { signal }),
    readdir: () => sftp.readdir('.', { signal }),
    mkdir: () => sftp.mkdir('new', { signal }),
    rmdir: () => sftp.rmdir('f', { signal }),
    rm: () => sftp.rm('f', { signal }),
    stat: () => sftp.stat('f', { signal }),
    lstat: () => sftp.lstat('f', { signal }),
    exists: () => sftp.exists('f', { signal }),
    chmod: () => sftp.chmod('f', 0o600, { signal }),
    lchmod: () => sftp.lchmod('f', 0o600, { signal }),
    chown: () => sftp.chown('f', 1, 1, { signal }),
    lchown: () => sftp.lchown('f', 1, 1, { signal }),
    utimes: () => sftp.utimes('f', 1, 1, { signal }),
    lutimes: () => sftp.lutimes('f', 1, 1, { signal }),
    truncate: () => sftp.truncate('f', 1, { signal }),
    statfs: () => sftp.statfs('.', { signal }),
    rename: () => sftp.rename('f', 'new', { signal }),
    unlink: () => sftp.unlink('f', { signal }),
    link: () => sftp.link('f', 'new', { signal }),
    symlink: () => sftp.symlink('f', 'new', { signal }),
    readlink: () => sftp.readlink('f', { signal }),
    realpath: () => sftp.realpath('f', { signal }),
    expandPath: () => sftp.expandPath('~', { signal }),
    homeDirectory: () => sftp.homeDirectory('', { signal }),
    ownerNames: () => sftp.ownerNames([0], [0], { signal }),
    glob: () => all(sftp.glob('*', { signal })),
    walk: () => all(sftp.walk('.', { signal })),
    get: () => sftp.get('f', join(folder, 'got'), { signal }),
    put: () => sftp.put(Buffer.from('x'), 'new', { signal }),
    sync: () => sftp.sync(folder, 'new', { direction: 'up', signal }),
    createReadStream: () => buffer(sftp.createReadStream('f', { signal })),
    createWriteStream: () =>
      new Promise((resolve, reject) => {
        sftp.createWriteStream('new', { signal }).once('error', reject).once('finish', resolve).end('x');
      }),
  });
  law(calls);
});

describe('an open file', () => {
  const calls = (): CallsOf<SftpFile, 'close'> => ({
    read: () => file.read(new Uint8Array(1), 0, 1, 0, { signal }),
    write: () => file.write(Buffer.from('x'), 0, 1, 0, { signal }),
    readv: () => file.readv([new Uint8Array(1)], 0, { signal }),
    writev: () => file.writev([Buffer.from('x')], 0, { signal }),
    readFile: () => file.readFile({ signal }),
    writeFile: () => file.writeFile('x', { signal }),
    appendFile: () => file.appendFile('x', { signal }),
    stat: () => file.stat({ signal }),
    truncate: () => file.truncate(0, { signal }),
    chmod: () => file.chmod(0o600, { signal }),
    chown: () => file.chown(1, 1, { signal }),
    utimes: () => file.utimes(1, 1, { signal }),
    sync: () => file.sync({ signal }),
    datasync: () => file.datasync({ signal }),
  });
  law(calls);
});

it('nothing of all this was done', async () => {
  expect(commands).toBe(0);
  expect(readdirSync(folder)).toEqual(['f']);
  expect(await sftp.readFile('f', { encoding: 'utf8' })).toBe('content');
  // And the connection lives.
  expect(await client.run('true')).toMatchObject({ code: 0 });
});
