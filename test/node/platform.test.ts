/** This machine as a platform: what it chooses, and what it finds of the user. */
import { type AddressInfo, connect, createServer, Server } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import type { Link, LinkReceiver } from '../../src/io/link.ts';
import { listen } from '../../src/node/listener.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import { LocalFolder } from '../sftp/transfer/support.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('the platform', () => {
  it('has one provider of each kind, for all connections', async () => {
    const kinds = ['auto', 'openssl', 'noble'] as const;
    const [auto, openssl, noble] = await Promise.all(kinds.map((kind) => nodePlatform.cryptoProvider(kind)));
    expect([auto, openssl, noble].map((provider) => provider?.name)).toEqual(['openssl', 'openssl', 'noble']);
    expect(new Set([auto, openssl, noble]).size).toBe(3);
    for (const [index, kind] of kinds.entries()) {
      expect(await nodePlatform.cryptoProvider(kind)).toBe([auto, openssl, noble][index]);
    }
    expect(nodePlatform.keyArithmetic('noble')).toBeUndefined();
    expect(nodePlatform.keyArithmetic('auto')?.ed25519PublicKey(new Uint8Array(32))).toHaveLength(32);
  });

  it('knows its user, its files and its names', async () => {
    expect(nodePlatform.localUser()).toBe(userInfo().username);
    expect(nodePlatform.asciiName('bücher.example')).toBe('xn--bcher-kva.example');
    const { files } = await nodePlatform.files();
    expect(await files?.stat('/')).toMatchObject({ kind: 'folder' });
    const chance = nodePlatform.chance();
    expect(chance >= 0 && chance < 1).toBe(true);
    await nodePlatform.pause();
  });

  it('finds the display, and its cookies in the file that is named, or at home, up to 1 MiB', async () => {
    const here = new LocalFolder();
    vi.stubEnv('DISPLAY', '');
    expect(nodePlatform.display()).toBeUndefined();
    vi.stubEnv('DISPLAY', ':7');
    expect(nodePlatform.display()).toBe(':7');
    vi.stubEnv('XAUTHORITY', here.file('cookies', 'abc'));
    const cookies = await nodePlatform.displayCookies();
    expect([cookies?.constructor, Buffer.from(cookies ?? []).toString()]).toEqual([Uint8Array, 'abc']);
    vi.stubEnv('XAUTHORITY', here.file('full', Buffer.alloc(1024 * 1024)));
    expect((await nodePlatform.displayCookies())?.length).toBe(1024 * 1024);
    vi.stubEnv('XAUTHORITY', here.file('large', Buffer.alloc(1024 * 1024 + 1)));
    expect(await nodePlatform.displayCookies()).toBeUndefined();
    vi.stubEnv('XAUTHORITY', here.at('none'));
    expect(await nodePlatform.displayCookies()).toBeUndefined();
    vi.stubEnv('XAUTHORITY', '');
    vi.stubEnv('HOME', here.path);
    here.file('.Xauthority', 'home');
    expect(join(homedir(), '.Xauthority')).toBe(here.at('.Xauthority'));
    expect(Buffer.from((await nodePlatform.displayCookies()) ?? []).toString()).toBe('home');
  });
});

/** Told nothing of interest. */
const quiet: LinkReceiver = {
  connected: () => {},
  received: () => {},
  lent: () => {},
  ended: () => {},
  written: () => {},
  closed: () => {},
};

describe('a listener', () => {
  const address = { host: '127.0.0.1', port: 0 };
  const begin = async (refuse: () => boolean) => {
    const [from, failures]: [string[], SshError[]] = [[], []];
    const servers: Server[] = [];
    const links: Link[] = [];
    const { listen: listening } = Server.prototype;
    vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...given: unknown[]) {
      servers.push(this);
      return Reflect.apply(listening, this, given) as Server;
    });
    const acceptor = await listen(
      address,
      (open, who) => {
        from.push(who);
        links.push(open(quiet));
      },
      refuse,
      (error) => failures.push(error),
    );
    const close = (): Promise<void> => {
      for (const link of links) link.destroy();
      return acceptor.close();
    };
    return { acceptor, from, failures, close, server: servers[0] as Server };
  };
  const dial = (port: number) =>
    new Promise<{ readonly port: number; readonly ended: Promise<void> }>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('error', reject);
      const ended = new Promise<void>((over) => socket.once('close', () => over()));
      socket.resume();
      socket.once('connect', () => {
        const { port: own } = socket.address() as AddressInfo;
        resolve({ port: own, ended });
        setImmediate(() => socket.end());
      });
    });

  it('hands on who comes with the address, and lets in nobody who is refused', async () => {
    let refuses = false;
    const { acceptor, from, failures, close } = await begin(() => refuses);
    expect(acceptor.address.host).toBe('127.0.0.1');
    expect(acceptor.address.port).toBeGreaterThan(0);
    const one = await dial(acceptor.address.port);
    await expect.poll(() => from).toEqual([`127.0.0.1:${one.port}`]);
    refuses = true;
    const two = await dial(acceptor.address.port);
    // It is cut, without a word.
    await two.ended;
    expect([from.length, failures]).toEqual([1, []]);
    await close();
  });

  it('that cannot begin rejects, and one that cannot accept tells so and goes on', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const failed: SshError[] = [];
    await expect(
      listen(
        { host: '127.0.0.1', port },
        () => {},
        () => false,
        (error) => failed.push(error),
      ),
    ).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECT',
      origin: 'local',
      message: expect.stringContaining(`cannot listen on 127.0.0.1:${port}: `),
    });
    expect(failed).toEqual([]);
    taken.close();
    const { acceptor, failures, server } = await begin(() => true);
    for (const _ of [1, 2]) server.emit('error', new Error('accept EMFILE'));
    expect(failures.map(({ message }) => message)).toEqual(
      Array(2).fill(`cannot accept a connection on 127.0.0.1:${acceptor.address.port}: accept EMFILE`),
    );
    await acceptor.close();
    await expect(dial(acceptor.address.port)).rejects.toThrow('ECONNREFUSED');
  });
});
