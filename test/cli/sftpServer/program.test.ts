/** `deadline-ssh sftp-server` in this process: its command line, its log, the session on its standard streams. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { loggedStore, ServerLog } from '../../../src/cli/sftpServer/log.ts';
import {
  type LogLevel,
  logLevels,
  parseServerArguments,
  type ServerArguments,
} from '../../../src/cli/sftpServer/serverArguments.ts';
import type { StoreFile, StoreSession } from '../../../src/sftp/serve/store.ts';
import { runHere } from '../../support/cli/inProcess.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-served-')));
  folders.push(folder);
  return folder;
}

const requests = ['open', 'read', 'write', 'remove'];
const who = { username: 'me', home: '/home/me' };
const parsed = (...argv: readonly string[]) => parseServerArguments(argv, requests, who);
const usual: ServerArguments = {
  isReadOnly: false,
  startFolder: undefined,
  umask: undefined,
  logsToStderr: false,
  logLevel: 'error',
  logFacility: 'auth',
  denied: new Set(),
  allowed: undefined,
};

describe('the command line', () => {
  it.each([
    [[], {}],
    [['-R'], { isReadOnly: true }],
    [['-e'], { logsToStderr: true }],
    [['-d', '/x/%d/%u/%%'], { startFolder: '/x//home/me/me/%' }],
    [['-f', 'local7'], { logFacility: 'local7' }],
    [['-f', 'DAEMON'], { logFacility: 'daemon' }],
    [['-P', 'open,remove'], { denied: new Set(['open', 'remove']) }],
    [['-p', 'read'], { allowed: new Set(['read']) }],
    [['-p', ''], { allowed: new Set() }],
    [['-P', ',open,'], { denied: new Set(['open']) }],
    [['-u', '027'], { umask: 0o27 }],
    [['-u', '0777'], { umask: 0o777 }],
    [['-u', '0'], { umask: 0 }],
    ...(
      [
        ['QUIET', 'quiet'],
        ['fatal', 'error'],
        ['ERROR', 'error'],
        ['info', 'info'],
        ['VERBOSE', 'verbose'],
        ['DEBUG', 'verbose'],
        ['DEBUG1', 'verbose'],
        ['DEBUG3', 'verbose'],
      ] as const
    ).map(([name, logLevel]): [string[], Partial<ServerArguments>] => [['-l', name], { logLevel }]),
  ] as [string[], Partial<ServerArguments>][])('%j', (argv, changes) => {
    expect(parsed(...argv)).toEqual({ ...usual, ...changes });
  });

  it('asks for help and for the names of requests', () => {
    expect([parsed('-h'), parsed('--help'), parsed('-Q', 'requests')]).toEqual(['help', 'help', 'requests']);
  });

  it.each([
    [['-u', '1000'], 'a umask is octal, 000 to 777'],
    [['-u', '00777'], 'a umask is octal'],
    [['-u', '8'], 'a umask is octal'],
    [['-u', ''], 'a umask is octal'],
    [['-l', 'constructor'], 'there are QUIET'],
    [['-f', 'KITCHEN'], 'there are DAEMON'],
    [['-P', 'open,fly'], '-P "fly" is not a request; -Q requests lists them'],
    [['-p', 'fly'], '-p "fly" is not a request'],
    [['-Q', 'users'], 'there is requests'],
    [['-d', 'a%'], '%'],
    [['-d', '%x'], '%x means nothing there; there are %d, %u and %%'],
    [['here'], '"here" is no option'],
    [['-e', 'here'], '"here" is no option'],
  ])('refuses %j', (argv, words) => {
    expect(() => parsed(...argv)).toThrow(words);
  });
});

/** Lines that were said while something ran. */
async function said(work: () => Promise<unknown> | unknown): Promise<string[]> {
  const lines: string[] = [];
  const write = process.stderr.write;
  process.stderr.write = ((text: string) => lines.push(text) > 0) as typeof write;
  try {
    await work();
  } finally {
    process.stderr.write = write;
  }
  return lines;
}

const logAt = (logLevel: LogLevel) => new ServerLog({ logsToStderr: true, logLevel, logFacility: 'auth' });
const path = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe('the log', () => {
  it('has lines of its level and of those before', async () => {
    for (const [most, level] of logLevels.entries()) {
      const log = logAt(level);
      const lines = await said(() => {
        for (const each of logLevels.slice(1)) log.say(each, each);
      });
      expect(lines).toEqual(logLevels.slice(1, most + 1).map((each) => `${each}\n`));
      expect(logLevels.map((each) => log.has(each))).toEqual(logLevels.map((_, i) => i <= most));
      await log.end();
    }
  });

  it('goes to the system by logger, under a name, with the facility', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'logger'), `#!/bin/sh\necho "$@" > ${folder}/words\ncat > ${folder}/lines\n`);
    chmodSync(join(folder, 'logger'), 0o755);
    const before = process.env['PATH'];
    process.env['PATH'] = `${folder}:${before}`;
    try {
      const log = new ServerLog({ logsToStderr: false, logLevel: 'info', logFacility: 'local3' });
      log.say('info', 'one');
      log.say('verbose', 'not this');
      log.say('error', 'two');
      await log.end();
      expect(readFileSync(join(folder, 'lines'), 'utf8')).toBe('one\ntwo\n');
      expect(readFileSync(join(folder, 'words'), 'utf8')).toBe(
        `-t sftp-server --id=${process.pid} -p local3.info\n`,
      );
      // It is over already, and where there is no such program nothing is logged.
      await log.end();
      process.env['PATH'] = '/no/such/folder';
      const none = new ServerLog({ logsToStderr: false, logLevel: 'info', logFacility: 'auth' });
      none.say('info', 'one');
      await none.end();
    } finally {
      process.env['PATH'] = before;
    }
  });

  const file: StoreFile = {
    read: async (into) => Math.min(into.length, 3),
    write: async () => {},
    attributes: async () => ({}) as Awaited<ReturnType<StoreFile['attributes']>>,
    setAttributes: async () => {},
    close: async () => {},
  };
  /** A store that does nothing, and refuses what is called `no`. */
  const store = new Proxy({} as StoreSession, {
    get: (_, name) => {
      if (name === 'notAFunction') return 7;
      return async (...given: readonly unknown[]) => {
        const [first] = given;
        if (first instanceof Uint8Array && Buffer.from(first).toString() === '/no') {
          throw Object.assign(new Error('refused'), { code: 'EACCES' });
        }
        if (first instanceof Uint8Array && Buffer.from(first).toString() === '/odd') throw new Error('');
        return name === 'open' ? file : name;
      };
    },
  });
  type Calls = Record<string, (...given: unknown[]) => Promise<unknown>>;

  it.each([
    ['setAttributes', 'setstat'],
    ['remove', 'remove'],
    ['makeFolder', 'mkdir'],
    ['removeFolder', 'rmdir'],
    ['rename', 'rename'],
    ['makeLink', 'symlink'],
    ['hardLink', 'hardlink'],
    ['attributes', 'stat', 'verbose'],
    ['openFolder', 'opendir', 'verbose'],
    ['readLink', 'readlink', 'verbose'],
    ['realpath', 'realpath', 'verbose'],
    ['statFilesystem', 'statvfs', 'verbose'],
  ] as [string, string, LogLevel?][])('tells of %s as %s', async (call, request, level = 'info') => {
    const logged = loggedStore(store, logAt(level)) as unknown as Calls;
    const lines = await said(async () => {
      expect(await logged[call]?.(path('/a\x1b[2J'), path('/b'), { flag: 1 })).toBe(call);
      await expect(logged[call]?.(path('/no'))).rejects.toThrow('refused');
      await expect(logged[call]?.(path('/odd'))).rejects.toThrow();
    });
    expect(lines).toEqual([
      `${request} "/a\\x1b[2J" "/b"\n`,
      `${request} "/no": EACCES\n`,
      `${request} "/odd": refused\n`,
    ]);
    const less = loggedStore(store, logAt(level === 'info' ? 'error' : 'info')) as unknown as Calls;
    expect(await said(() => less[call]?.(path('/a')))).toEqual([]);
  });

  it('tells of a file at its end how many bytes went each way', async () => {
    const logged = loggedStore(store, logAt('info')) as unknown as Calls;
    const lines = await said(async () => {
      const opened = (await logged['open']?.(path('/f'))) as StoreFile;
      await opened.read(new Uint8Array(2), 0n);
      await opened.read(new Uint8Array(9), 2n);
      await opened.write(new Uint8Array(7), 0n);
      await opened.attributes();
      await opened.setAttributes({} as Parameters<StoreFile['setAttributes']>[0]);
      expect([opened.sync, opened.statFilesystem]).toEqual([undefined, undefined]);
      await opened.close();
    });
    expect(lines).toEqual(['open "/f"\n', 'fsetstat "/f"\n', 'close "/f" bytes read 5 written 7\n']);
    expect((logged as unknown as Record<string, unknown>)['notAFunction']).toBe(7);
  });
});

/** A packet of SFTP: its length, its type, and what follows. */
function packet(type: number, ...parts: readonly (number | string)[]): Buffer {
  const body = Buffer.concat([
    Buffer.of(type),
    ...parts.map((part) => {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(typeof part === 'number' ? part : part.length);
      return typeof part === 'number' ? number : Buffer.concat([number, Buffer.from(part)]);
    }),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

const init = packet(1, 3);
const mkdir = (name: string): Buffer => packet(14, 7, name, 0);
const serve = (argv: readonly string[], input: Buffer, cwd: string) => {
  const stream = new PassThrough();
  stream.end(input);
  return runHere('sftp-server', argv, { input: stream, cwd });
};

describe('a session', () => {
  it('is told of from its beginning to its end', async () => {
    const folder = newFolder();
    const { username } = userInfo();
    const { status, said: lines } = await serve(
      ['-e', '-l', 'INFO'],
      Buffer.concat([init, mkdir('d')]),
      folder,
    );
    expect([status, lines]).toEqual([
      0,
      `session opened for ${username}\nmkdir "d"\nsession closed for ${username}\n`,
    ]);
    expect(statSync(join(folder, 'd')).isDirectory()).toBe(true);
    expect((await serve(['-e'], init, folder)).said).toBe('');
  });

  it('with a client that speaks something else ends with 1, and says why', async () => {
    const { status, said: lines } = await serve(['-e'], Buffer.from('hello there\n'), newFolder());
    expect([status, lines]).toEqual([
      1,
      expect.stringMatching(/^the peer broke the rules of SFTP: [^\n]+\n$/),
    ]);
    const quiet = await serve(['-e', '-l', 'QUIET'], Buffer.from('hello there\n'), newFolder());
    expect([quiet.status, quiet.said]).toEqual([1, '']);
  });

  it.each([
    [['-R'], false],
    [['-P', 'mkdir'], false],
    [['-P', 'rmdir'], true],
    [['-p', 'mkdir'], true],
    [['-p', 'rmdir'], false],
    [['-p', 'mkdir', '-P', 'mkdir'], false],
  ])('with %j makes a folder: %s', async (argv, isMade) => {
    const folder = newFolder();
    await serve(argv, Buffer.concat([init, mkdir('d')]), folder);
    expect(statSync(join(folder, 'd'), { throwIfNoEntry: false }) !== undefined).toBe(isMade);
  });

  it('begins in a folder, and makes files by a umask', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'work'));
    const umask = process.umask();
    try {
      await serve(['-d', 'work', '-u', '077'], Buffer.concat([init, mkdir('d')]), folder);
      expect(statSync(join(folder, 'work/d')).mode & 0o777).toBe(0o700);
    } finally {
      process.umask(umask);
    }
    const none = await serve(['-d', 'none'], init, folder);
    expect([none.status, none.out]).toEqual([1, '']);
    expect(none.said).toMatch(new RegExp(`^deadline-ssh: -d ${folder}/none: ENOENT`));
  });

  it('lists the requests that there are', async () => {
    const { status, out } = await runHere('sftp-server', ['-Q', 'requests']);
    expect(status).toBe(0);
    expect(out.split('\n')).toEqual(expect.arrayContaining(['open', 'close', 'read', 'write', 'mkdir', '']));
  });
});
