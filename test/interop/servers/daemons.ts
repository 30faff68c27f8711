/**
 * Servers that log in the users of the machine.
 *
 * Owns: their configuration and command lines, and what they do not have.
 * Must not know: what is tried on them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint } from '../../../src/keys/fingerprint.ts';
import { startDropbear, startOpenSsh } from '../../support/servers/index.ts';
import type { KeyFile, KeyKind } from '../../support/servers/keys.ts';
import { keyKinds } from '../../support/servers/keys.ts';
import type { Lab } from '../../support/servers/lab.ts';
import { startServerProcess } from '../../support/servers/processes.ts';
import {
  accountOf,
  debianVersion,
  type ForwardFeature,
  type InteropServer,
  type Lack,
  missing,
  shellCommands,
} from '../server.ts';

const sftpOnly: Lack = {
  why: 'it serves files (sftp and scp) and runs no commands',
  shows: /refused|request/i,
};

/** @param shows of a refused channel */
function forwardsNothing(shows: RegExp): Readonly<Record<ForwardFeature, Lack>> {
  const why = 'it forwards nothing';
  const noListener = { why, shows: /the server does not listen on/ };
  return {
    forwarding: { why, shows },
    unixForwarding: { why, shows },
    remoteForwarding: noListener,
    remoteUnixForwarding: noListener,
  };
}

export const openSsh9: InteropServer = {
  name: 'OpenSSH 9.2',
  obstacle: () => missing(['test', '-x', '/usr/sbin/sshd'], ['which', 'ssh-keygen']),
  version: () => debianVersion('openssh-server'),
  start: async (lab, { rekeyBytes }) => {
    const server = await startOpenSsh(lab, {
      config: {
        ...everything('/usr/bin/ssh'),
        ...pam,
        ...(rekeyBytes > 0 ? { RekeyLimit: rekeyBytes } : {}),
      },
    });
    return { process: server.process, hostKeys: server.hostKeys, ...accountOf(lab) };
  },
  commands: shellCommands,
  methods: ['publickey', 'password', 'keyboard-interactive'],
  subsystem: 'sftp',
  rekeys: 'option',
};

/** Where `install.sh` puts Debian 13. */
export const trixie = '/var/cache/deadline-ssh/trixie';

export const openSsh10: InteropServer = {
  name: 'OpenSSH 10.0',
  obstacle: () => missing(['test', '-x', `${trixie}/usr/sbin/sshd`], ['which', 'unshare']),
  version: () => debianVersion('openssh-server', trixie),
  start: async (lab, { rekeyBytes }) => {
    const hostKeys = keyKinds.map((kind) => lab.hostKeys.of(kind));
    const config = {
      ListenAddress: '127.0.0.1',
      PidFile: 'none',
      LogLevel: 'VERBOSE',
      UseDNS: 'no',
      StrictModes: 'no',
      PermitRootLogin: 'yes',
      ...pam,
      MaxAuthTries: 30,
      MaxStartups: 1000,
      PerSourcePenalties: 'no',
      Subsystem: 'sftp internal-sftp',
      AuthorizedKeysFile: lab.authorize(),
      ...everything(`${trixie}/usr/bin/ssh`),
      ...(rekeyBytes > 0 ? { RekeyLimit: rekeyBytes } : {}),
    };
    const lines = [
      ...hostKeys.map(({ path }) => `HostKey ${path}`),
      ...Object.entries(config).map(([keyword, value]) => `${keyword} ${value}`),
    ];
    const file = lab.file(`${lines.join('\n')}\n`);
    const server = await startServerProcess({
      program: 'unshare',
      args: (port) => [
        '--mount',
        '/bin/sh',
        '-ec',
        inTrixie(lab),
        'sshd',
        '-D',
        '-e',
        '-f',
        file,
        '-p',
        String(port),
      ],
    });
    lab.keep(server);
    return { process: server, hostKeys, ...accountOf(lab) };
  },
  commands: shellCommands,
  methods: ['publickey', 'password', 'keyboard-interactive'],
  subsystem: 'sftp',
  rekeys: 'option',
};

/** Debian 13 with the lab's folder, the account and the devices of this machine in it, for one process and its children. */
function inTrixie(lab: Lab): string {
  return [
    `cd ${trixie}`,
    'mount --rbind /dev dev',
    'mount -t proc proc proc',
    'for file in passwd shadow group; do mount --bind /etc/$file etc/$file; done',
    `mkdir -p .${lab.folder} run/sshd`,
    `mount --bind ${lab.folder} .${lab.folder}`,
    `exec chroot . /usr/sbin/sshd "$@"`,
  ].join('\n');
}

/** OpenSSH asks by keyboard-interactive through PAM alone. */
const pam = { UsePAM: 'yes', KbdInteractiveAuthentication: 'yes' };

/** Keywords that let sshd offer every algorithm it has, also those that are off by default. */
function everything(ssh: string): Readonly<Record<string, string>> {
  const root = ssh.replace(/\/usr\/bin\/ssh$/, '');
  const query = (what: string): string => {
    const output = execFileSync(
      root === '' ? ssh : 'chroot',
      root === '' ? ['-Q', what] : [root, '/usr/bin/ssh', '-Q', what],
      {
        encoding: 'utf8',
      },
    );
    return output.trim().split('\n').join(',');
  };
  return {
    KexAlgorithms: query('kex'),
    Ciphers: query('cipher'),
    MACs: query('mac'),
    HostKeyAlgorithms: `+${query('key-sig')}`,
    PubkeyAcceptedAlgorithms: `+${query('key-sig')}`,
    Compression: 'yes',
  };
}

const noUnixSockets: Readonly<Partial<Record<ForwardFeature, Lack>>> = {
  unixForwarding: {
    why: 'this version forwards no unix sockets',
    shows: /refused a direct-streamlocal@openssh\.com channel \(unknownChannelType\)/,
  },
  remoteUnixForwarding: {
    why: 'this version forwards no unix sockets',
    shows: /the server does not listen on/,
  },
};

export const dropbear: InteropServer = {
  name: 'dropbear',
  obstacle: () => missing(['which', 'dropbear'], ['which', 'dropbearkey']),
  version: () => debianVersion('dropbear-bin'),
  start: async (lab) => {
    const server = await startDropbear(lab);
    return { process: server.process, hostKeys: server.hostKeys, ...accountOf(lab) };
  },
  commands: shellCommands,
  methods: ['publickey', 'password'],
  subsystem: 'sftp',
  rekeys: { afterBytes: 2 ** 30 },
  keepsListening: 'it goes on listening until the connection ends; the client refuses what comes from there',
  lacks: noUnixSockets,
};

export const tinyssh: InteropServer = {
  name: 'TinySSH',
  obstacle: () => missing(['which', 'tinysshd'], ['which', 'tcpserver']),
  version: () => debianVersion('tinysshd'),
  start: async (lab) => {
    const folder = lab.newPath();
    execFileSync('tinysshd-makekey', [folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    const line = execFileSync('tinysshd-printkey', [folder], { encoding: 'utf8' });
    lab.authorize();
    const server = await startServerProcess({
      program: 'tcpserver',
      args: (port) => [
        '-HRDl0',
        '127.0.0.1',
        String(port),
        'tinysshd',
        '-v',
        '-x',
        `sftp=${sftpServer}`,
        folder,
      ],
    });
    lab.keep(server);
    return { process: server, hostKeys: [keyFromLine('ed25519', folder, line)], ...accountOf(lab) };
  },
  commands: shellCommands,
  userKeys: ['ed25519'],
  methods: ['publickey'],
  subsystem: 'sftp',
  rekeys: { never: 'it never asks for new keys' },
  oneChannel: true,
  hangsUp: 'it may end the connection where a command leaves input unread',
  lacks: {
    channels: { why: 'it has one channel for each connection', shows: /only one 'session' channel allowed/ },
    ...forwardsNothing(/only one 'session' channel allowed/),
  },
};

const sftpServer = '/usr/lib/openssh/sftp-server';

/** Temporary files lie elsewhere from now on: TinySSH reads no authorized_keys below a folder that others may write to, such as /tmp. */
export function useFolderForTinyssh(): void {
  if (tinyssh.obstacle() !== undefined) return;
  const folder = '/var/cache/deadline-ssh';
  mkdirSync(folder, { recursive: true });
  process.env['TMPDIR'] = folder;
}

export const proftpd: InteropServer = {
  name: 'ProFTPD mod_sftp',
  obstacle: () => missing(['which', 'proftpd'], ['test', '-f', '/usr/lib/proftpd/mod_sftp.so']),
  version: () => debianVersion('proftpd-mod-crypto'),
  start: async (lab) => {
    const kinds: readonly KeyKind[] = ['ed25519', 'ecdsa256', 'rsa'];
    const hostKeys = kinds.map((kind) => lab.hostKeys.of(kind));
    const { username, password } = accountOf(lab);
    const uid = execFileSync('id', ['-u', username], { encoding: 'utf8' }).trim();
    const gid = execFileSync('id', ['-g', username], { encoding: 'utf8' }).trim();
    const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], {
      input: password,
      encoding: 'utf8',
    }).trim();
    const users = lab.file(`${username}:${hash}:${uid}:${gid}::${lab.account.home}:/bin/sh\n`, 0o600);
    const config = (port: number): string =>
      lab.file(
        [
          'LoadModule mod_sftp.c',
          'LoadModule mod_sftp_pam.c',
          'SFTPPAMEngine on',
          'SFTPPAMServiceName sshd',
          'ServerName lab',
          'ServerType standalone',
          'UseIPv6 off',
          'DefaultAddress 127.0.0.1',
          'SocketBindTight on',
          `Port ${port}`,
          `PidFile ${lab.newPath()}`,
          `ScoreboardFile ${lab.newPath()}`,
          'WtmpLog off',
          'TransferLog none',
          'UseReverseDNS off',
          'RequireValidShell off',
          `AuthUserFile ${users}`,
          'AuthOrder mod_auth_file.c',
          'SFTPEngine on',
          'SFTPLog /dev/stderr',
          'SFTPAuthMethods publickey password keyboard-interactive',
          'MaxLoginAttempts 30',
          ...hostKeys.map(({ path }) => `SFTPHostKey ${path}`),
          `SFTPAuthorizedUserKeys file:${rfc4716(lab)}`,
          // A file that is there may be written again, also in part.
          'AllowOverwrite on',
          'AllowStoreRestart on',
          '',
        ].join('\n'),
      );
    const server = await startServerProcess({
      program: 'proftpd',
      args: (port) => ['--nodaemon', '--quiet', '-c', config(port)],
    });
    lab.keep(server);
    return { process: server, hostKeys, username, password };
  },
  commands: shellCommands,
  methods: ['publickey', 'password', 'keyboard-interactive'],
  subsystem: 'sftp',
  rekeys: { never: 'it asks in the course of transfers of files, which the laboratory makes none of' },
  lacks: {
    exec: sftpOnly,
    exitSignal: sftpOnly,
    download: sftpOnly,
    upload: sftpOnly,
    windowChange: sftpOnly,
    closeOrders: sftpOnly,
    unreadInput: sftpOnly,
    channels: sftpOnly,
    ...forwardsNothing(/refused|open/i),
  },
};

/** The user keys in the format that mod_sftp reads. */
function rfc4716(lab: Lab): string {
  const blocks = keyKinds.map((kind) =>
    execFileSync('ssh-keygen', ['-e', '-m', 'RFC4716', '-f', `${lab.userKeys.of(kind).path}.pub`], {
      encoding: 'utf8',
    }),
  );
  return lab.file(blocks.join(''), 0o644);
}

export const lsh: InteropServer = {
  name: 'lsh',
  obstacle: () => missing(['which', 'lshd'], ['which', 'lsh-keygen'], ['test', '-d', '/var/spool/lsh']),
  version: () => debianVersion('lsh-server'),
  start: async (lab) => {
    const folder = lab.newPath();
    mkdirSync(folder);
    const path = join(folder, 'host_key');
    const key = execFileSync('lsh-keygen', ['--server', '-a', 'rsa', '-l', '2048'], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    execFileSync('lsh-writekey', ['--server', '-o', path], {
      input: Buffer.from(key, 'latin1'),
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const line = execFileSync('lsh-export-key', ['--openssh', '--input-file', `${path}.pub`], {
      encoding: 'utf8',
    });
    lab.authorize();
    const server = await startServerProcess({
      program: 'lshd',
      args: (port) => [
        '--host-key',
        path,
        // The port first: an interface takes the one named until then.
        '-p',
        String(port),
        '--interface',
        '127.0.0.1',
        '--no-syslog',
        `--subsystems=sftp=${sftpServer}`,
      ],
    });
    lab.keep(server);
    return { process: server, hostKeys: [keyFromLine('rsa', path, line)], ...accountOf(lab) };
  },
  commands: shellCommands,
  legacy: true,
  byPassword: true,
  saysNoPort: 'its answer to a request for any free port has no port in it; asked for one by its number',
  losesStatus:
    'where the command ends before its input does, CHANNEL_CLOSE may come with no exit-status before it',
  methods: ['publickey', 'password'],
  subsystem: 'sftp',
  lacks: {
    publickey: {
      why: 'it takes signatures with SHA-1 alone, which this client makes with no key of a user',
      shows: /authentication failed/,
    },
    ...noUnixSockets,
  },
  rekeys: { never: 'there is no option that makes it ask' },
};

/** A host key that the server's own program made. */
function keyFromLine(kind: KeyKind, path: string, text: string): KeyFile {
  const publicLine = text.trim().split(/\s+/).slice(0, 2).join(' ');
  const blob = new Uint8Array(Buffer.from(publicLine.split(' ')[1] ?? '', 'base64'));
  return { kind, path, publicLine, fingerprint: fingerprint(blob) };
}
