/**
 * The libraries that move files, behind one face.
 *
 * Owns: how each is asked for one transfer, for a folder, for a list.
 * Must not know: what is measured.
 */
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Client, SFTPWrapper } from 'ssh2';
import type { Target } from '../lib/sshd.ts';

export type FileLibraryName = 'deadline-ssh' | 'deadline-ssh, exec cat' | 'ssh2 with addon';

/** A session that is ready to move files. */
export interface FileSession {
  get(remote: string, local: string): Promise<void>;
  put(local: string, remote: string): Promise<void>;
  /** A folder of files; the target is made. */
  getTree?(remote: string, local: string): Promise<void>;
  putTree?(local: string, remote: string): Promise<void>;
  list?(remote: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What all use, so that none is measured by its arithmetic alone. */
export const cipher = 'aes128-gcm@openssh.com';
export const kex = 'curve25519-sha256';

/** Files at once, for all who can. */
export const atOnce = 32;

export function openSession(name: FileLibraryName, target: Target): Promise<FileSession> {
  switch (name) {
    case 'deadline-ssh':
      return ours(target);
    case 'deadline-ssh, exec cat':
      return oursByCat(target);
    case 'ssh2 with addon':
      return ssh2(target);
    default:
      throw new Error(`there is no library ${name satisfies never}`);
  }
}

type OurClient = import('../../src/entry/index.ts').Client;

async function connectOurs({ host, port, username, privateKey }: Target): Promise<OurClient> {
  const published = new URL('../../../../dist/entry/index.js', import.meta.url).href;
  const { acceptAnyHostKey, connect } = (await import(
    published
  )) as typeof import('../../src/entry/index.ts');
  return connect({
    host,
    port,
    username,
    privateKey: readFileSync(privateKey),
    verifyHostKey: acceptAnyHostKey(),
    algorithms: { kex: [kex], cipher: [cipher] },
  });
}

async function ours(target: Target): Promise<FileSession> {
  const client = await connectOurs(target);
  const sftp = await client.sftp();
  return {
    get: async (remote, local) => void (await sftp.get(remote, local)),
    put: async (local, remote) => void (await sftp.put(local, remote)),
    getTree: async (remote, local) =>
      void (await sftp.get(remote, local, { recursive: true, concurrency: atOnce })),
    putTree: async (local, remote) =>
      void (await sftp.put(local, remote, { recursive: true, concurrency: atOnce })),
    list: (remote) => sftp.readdir(remote),
    close: () => client.close(),
  };
}

/** The same client without SFTP: what the connection itself carries, from file to file. */
async function oursByCat(target: Target): Promise<FileSession> {
  const client = await connectOurs(target);
  return {
    get: async (remote, local) => {
      const { stdin, stdout, stderr, exit } = await client.exec(`cat '${remote}'`);
      stdin.end();
      stderr.resume();
      await pipeline(stdout, createWriteStream(local));
      if ((await exit).code !== 0) throw new Error('cat failed');
    },
    put: async (local, remote) => {
      const { stdin, stdout, stderr, exit } = await client.exec(`cat > '${remote}'`);
      stdout.resume();
      stderr.resume();
      await pipeline(createReadStream(local, { highWaterMark: 256 * 1024 }), stdin);
      if ((await exit).code !== 0) throw new Error('cat failed');
    },
    close: () => client.close(),
  };
}

/** ssh2 as its users have it: fastGet and fastPut, thirty-two files at a time. */
async function ssh2({ host, port, username, privateKey }: Target): Promise<FileSession> {
  const require = createRequire(import.meta.url);
  const { Client: Ssh2Client } = require('ssh2') as { readonly Client: new () => Client };
  const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as {
    readonly bindingAvailable: boolean;
  };
  if (!bindingAvailable) throw new Error('the addon of ssh2 was not built: npm rebuild ssh2');
  const client = new Ssh2Client();
  const closed = once(client, 'close');
  client.connect({
    host,
    port,
    username,
    privateKey: readFileSync(privateKey),
    algorithms: { kex: [kex], cipher: [cipher], serverHostKey: ['ssh-ed25519'] },
  });
  await once(client, 'ready');
  const sftp = await called<SFTPWrapper>((done) => client.sftp(done));
  const get = (remote: string, local: string): Promise<void> =>
    called((done) => sftp.fastGet(remote, local, done as (error?: Error | null) => void));
  const put = (local: string, remote: string): Promise<void> =>
    called((done) => sftp.fastPut(local, remote, done as (error?: Error | null) => void));
  const names = async (remote: string): Promise<string[]> =>
    (await called<readonly { readonly filename: string }[]>((done) => sftp.readdir(remote, done))).map(
      ({ filename }) => filename,
    );
  return {
    get,
    put,
    getTree: async (remote, local) => {
      mkdirSync(local);
      await inTurns(await names(remote), (name) => get(`${remote}/${name}`, join(local, name)));
    },
    putTree: async (local, remote) => {
      await called((done) => sftp.mkdir(remote, done as (error?: Error | null) => void));
      await inTurns(readdirSync(local), (name) => put(join(local, name), `${remote}/${name}`));
    },
    list: names,
    close: async () => {
      client.end();
      await closed;
    },
  };
}

function called<T = void>(
  ask: (done: (error: Error | null | undefined, value: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, value) => (error === null || error === undefined ? resolve(value) : reject(error)));
  });
}

async function inTurns(names: readonly string[], step: (name: string) => Promise<void>): Promise<void> {
  const left = [...names].reverse();
  const lane = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) await step(name);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
