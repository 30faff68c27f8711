/**
 * Files on every server that has SFTP: each call on each, and the second table of docs/interop.md.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../examples/memoryStore.ts';
import { type Client, connect, pinnedHostKey } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SftpStore, serveFiles, serveFolder } from '../../src/entry/server.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { startOpenSsh } from '../support/servers/index.ts';
import { type Lab, useLab } from '../support/servers/lab.ts';
import { serversRequired } from '../support/servers/programs.ts';
import { fileTrials, placesOf } from './fileTrials.ts';
import './matrix.ts';
import type { InteropServer, Lack } from './server.ts';
import { dropbear, openSsh9, openSsh10, proftpd, tinyssh, useFolderForTinyssh } from './servers/daemons.ts';
import { asyncssh, paramiko, ssh2 } from './servers/programs.ts';

interface FileServer {
  readonly name: string;
  readonly obstacle: () => string | undefined;
  /** A client, and the folder of the server that may be written to. */
  readonly start: (
    lab: Lab,
    folder: string,
  ) => Promise<{ readonly open: () => Promise<Client>; readonly root: string }>;
  /** Trials of what it does not have, or has otherwise. */
  readonly lacks?: Readonly<Record<string, Lack>>;
}

const unsupported: Lack = {
  why: 'it has no such request, and the call says so with ERR_SSH_SFTP_UNSUPPORTED',
  shows: /the server has no |unsupported/i,
};
const noLinkTimes = { lutimes: unsupported };
const noOpenSshExtensions = {
  ...noLinkTimes,
  link: unsupported,
  statfs: unsupported,
  'sync of a handle': unsupported,
  ownerNames: unsupported,
  expandPath: unsupported,
};

/** A server of the other table. */
function known(server: InteropServer, name: string, lacks: FileServer['lacks'] = {}): FileServer {
  return {
    name,
    lacks,
    obstacle: server.obstacle,
    start: async (lab, root) => {
      const pattern = lab.file('');
      const { process, username, password, hostKeys } = await server.start(lab, { rekeyBytes: 0, pattern });
      const kind = server.userKeys?.[0] ?? 'ed25519';
      return {
        root,
        open: () =>
          connect({
            ...{ host: '127.0.0.1', port: process.port, username, timeout: 60_000 },
            ...(server.byPassword === true ? { password } : { privateKey: lab.userKeys.textOf(kind) }),
            verifyHostKey: pinnedHostKey(...hostKeys.map(({ fingerprint }) => fingerprint)),
          }),
      };
    },
  };
}

/** sshd with another subsystem. */
function sshd(
  name: string,
  configOf: (lab: Lab, folder: string) => Readonly<Record<string, string>>,
  rootOf: (folder: string) => string = (folder) => folder,
  lacks: FileServer['lacks'] = {},
): FileServer {
  return {
    name,
    lacks,
    obstacle: openSsh9.obstacle,
    start: async (lab, folder) => {
      const server = await startOpenSsh(lab, { config: configOf(lab, folder) });
      return { root: rootOf(folder), open: () => server.connect() };
    },
  };
}

/** The library's own server. */
function own(
  name: string,
  storeOf: (folder: string) => SftpStore,
  lacks: FileServer['lacks'] = {},
): FileServer {
  return {
    name,
    lacks,
    obstacle: () => undefined,
    start: async (_lab, folder) => {
      const server = await createServer({
        hostKeys: generateKey('ed25519'),
        authentication: { password: () => true },
        sftp: storeOf(folder),
      });
      const { port } = await server.listen(0, '127.0.0.1');
      closers.push(() => server.close());
      const open = () =>
        connect({ host: '127.0.0.1', port, username: 'ops', password: 'any', verifyHostKey: () => true });
      return { root: '', open };
    },
  };
}

useFolderForTinyssh();

const closers: (() => Promise<unknown>)[] = [];
const command = useBuiltCommand();

const servers: readonly FileServer[] = [
  sshd('internal-sftp', () => ({ Subsystem: 'sftp internal-sftp' })),
  sshd('sftp-server', () => ({ Subsystem: 'sftp /usr/lib/openssh/sftp-server' })),
  sshd(
    'chroot',
    (_lab, folder) => ({ Subsystem: 'sftp internal-sftp', ChrootDirectory: folder }),
    () => '/open',
  ),
  known(openSsh10, 'OpenSSH 10.0'),
  known(dropbear, 'dropbear'),
  known(proftpd, 'ProFTPD', {
    ownerNames: unsupported,
    expandPath: unsupported,
    'symlink, readlink': {
      why: 'READLINK answers with the whole path that a link leads to',
      shows: /to be 'f'/,
    },
    lutimes: { why: 'its lsetstat changes the file that a link leads to as well', shows: /not to be 4000/ },
  }),
  known(tinyssh, 'TinySSH'),
  known(asyncssh, 'asyncssh', { ...noLinkTimes, ownerNames: unsupported, expandPath: unsupported }),
  known(paramiko, 'paramiko', noOpenSshExtensions),
  known(ssh2, 'ssh2', noOpenSshExtensions),
  own('serveFolder', (folder) => serveFolder(join(folder, 'open'))),
  own('serveFiles', () => serveFiles(new MemoryStore()), { ownerNames: unsupported }),
  sshd('our sftp-server', () => {
    // The user who logs in runs it.
    chmodSync(dirname(dirname(dirname(command()))), 0o755);
    return { Subsystem: `sftp ${process.execPath} ${command()} sftp-server` };
  }),
];

afterAll(async () => {
  for (const close of closers) await close();
});

for (const server of servers) {
  const obstacle = server.obstacle();
  if (obstacle === undefined) describe(server.name, () => suite(server));
  else if (serversRequired) {
    it(`${server.name} (${obstacle})`, () => {
      throw new Error(`${obstacle}, and DEADLINE_SSH_REQUIRE_SERVERS forbids to skip ${server.name}`);
    });
  } else describe.skip(`${server.name} (${obstacle})`, () => suite(server));
}

function suite(server: FileServer): void {
  const lab = useLab();
  let folder: string;
  let root: string;
  let open: () => Promise<Client>;

  beforeAll(async () => {
    // sshd takes no folder for a chroot that others may write above, as in /tmp.
    folder = server.name === 'chroot' ? mkdtempSync('/run/dlssh-files-') : lab().newPath();
    mkdirSync(folder, { recursive: true });
    const { uid, gid } = accountIds(lab().account.name);
    // The folder of a chroot belongs to root alone; what is written to lies in it.
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'open'));
    chownSync(join(folder, 'open'), uid, gid);
    const started = await server.start(lab(), folder);
    root = started.root === folder ? join(folder, 'open') : started.root;
    open = started.open;
  }, 120_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000);

  for (const [calls, trial] of Object.entries(fileTrials)) {
    it(calls, async ({ task }) => {
      task.meta.fileCell = { server: server.name, column: calls, text: 'FAILS' };
      const name = calls.replace(/\W+/g, '-');
      const remote = `${root}/${name}`;
      const local = join(folder, 'here', name);
      await using client = await open();
      await using sftp = await client.sftp();
      const bench = { sftp, client, ...placesOf(remote, local) };
      await sftp.mkdir(remote);
      const lack = server.lacks?.[calls];
      if (lack === undefined) {
        await trial(bench);
        task.meta.fileCell = { server: server.name, column: calls, text: 'yes' };
        return;
      }
      const refused: unknown = await trial(bench).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refused, 'it is said to be lacking').toBeInstanceOf(Error);
      const message = (refused as Error).message.split('\n')[0] ?? '';
      expect(message, lack.why).toMatch(lack.shows);
      task.meta.fileCell = { server: server.name, column: calls, text: '–', note: lack.why };
    });
  }
}

function accountIds(name: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
