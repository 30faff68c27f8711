/**
 * Servers that are our own small programs around somebody's library.
 *
 * Owns: how each is built and started, and what its library does not have.
 * Must not know: what is tried on it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyKind } from '../../support/servers/keys.ts';
import type { Lab } from '../../support/servers/lab.ts';
import {
  debianVersion,
  type ForwardFeature,
  type InteropServer,
  type Lack,
  missing,
  programCommands,
  programFile,
  startProgram,
} from '../server.ts';

const everyKind: readonly KeyKind[] = ['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'];
const oneOfEach: readonly KeyKind[] = ['ed25519', 'ecdsa256', 'rsa'];
const allMethods = ['publickey', 'password', 'keyboard-interactive'];

const takesSessionsOnly = 'our program around the library takes sessions only';

/** Our programs take sessions only. */
const sessionsOnly: Readonly<Record<ForwardFeature, Lack>> = {
  forwarding: { why: takesSessionsOnly, shows: /refused a direct-tcpip channel/ },
  remoteForwarding: { why: takesSessionsOnly, shows: /the server does not listen on 127\.0\.0\.1:0/ },
  unixForwarding: { why: takesSessionsOnly, shows: /refused a direct-streamlocal@openssh\.com channel/ },
  remoteUnixForwarding: { why: takesSessionsOnly, shows: /the server does not listen on \/tmp/ },
};

export const asyncssh: InteropServer = {
  name: 'asyncssh',
  obstacle: () => missing(['/usr/bin/python3', '-c', 'import asyncssh']),
  version: () => debianVersion('python3-asyncssh'),
  start: (lab, options) =>
    startProgram(lab, options, ['/usr/bin/python3', programFile('asyncssh_server.py')], everyKind),
  commands: programCommands,
  methods: allMethods,
  subsystem: 'echo',
  rekeys: 'option',
};

export const paramiko: InteropServer = {
  name: 'paramiko',
  obstacle: () => missing(['/usr/bin/python3', '-c', 'import paramiko']),
  version: () => debianVersion('python3-paramiko'),
  start: (lab, options) =>
    startProgram(lab, options, ['/usr/bin/python3', programFile('paramiko_server.py')], oneOfEach, {
      LAB_HOST_KEYS: oneOfEach.map((kind) => oldFormat(lab, kind)).join(':'),
    }),
  commands: programCommands,
  methods: allMethods,
  subsystem: 'echo',
  rekeys: 'option',
  lacks: sessionsOnly,
};

export const twisted: InteropServer = {
  name: 'Twisted Conch',
  obstacle: () => missing(['/usr/bin/python3', '-c', 'import twisted.conch.ssh.factory']),
  version: () => debianVersion('python3-twisted'),
  start: (lab, options) =>
    startProgram(lab, options, ['/usr/bin/python3', programFile('twisted_server.py')], oneOfEach),
  commands: programCommands,
  methods: ['publickey', 'password'],
  subsystem: 'echo',
  rekeys: 'option',
  lacks: sessionsOnly,
};

/** What it negotiates and what it then does are not the same. */
const cbcWithoutEtm: Lack = {
  why: 'its CBC goes on as if the MAC it negotiated were not encrypt-then-MAC',
  shows: /malformed packet/,
};

export const go: InteropServer = {
  name: "Go's x/crypto/ssh",
  obstacle: () => missing(['go', 'version'], ['test', '-d', '/usr/share/gocode/src/golang.org/x/crypto/ssh']),
  version: () => debianVersion('golang-golang-x-crypto-dev'),
  start: (lab, options) => {
    const program = built(lab, 'go-server', (path) =>
      execFileSync('go', ['build', '-o', path, '.'], {
        cwd: programFile('go'),
        stdio: ['ignore', 'ignore', 'pipe'],
        env: {
          ...process.env,
          GO111MODULE: 'off',
          GOPATH: '/usr/share/gocode',
          GOCACHE: process.env['GOCACHE'] ?? join(lab.folder, 'go-cache'),
        },
      }),
    );
    return startProgram(lab, options, [program], everyKind);
  },
  commands: programCommands,
  methods: allMethods,
  subsystem: 'echo',
  rekeys: 'option',
  brokenAlgorithms: { 'aes128-cbc': cbcWithoutEtm, '3des-cbc': cbcWithoutEtm },
};

export const libssh: InteropServer = {
  name: 'libssh',
  obstacle: () => missing(['cc', '--version'], ['test', '-f', '/usr/include/libssh/server.h']),
  version: () => debianVersion('libssh-dev'),
  start: (lab, options) => {
    const program = built(lab, 'libssh-server', (path) =>
      execFileSync('cc', ['-O2', '-o', path, programFile('libssh_server.c'), '-lssh', '-lcrypto'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    );
    return startProgram(lab, options, [program], oneOfEach);
  },
  commands: programCommands,
  methods: allMethods,
  subsystem: 'echo',
  rekeys: 'option',
  lacks: sessionsOnly,
};

export const erlang: InteropServer = {
  name: "Erlang's ssh",
  obstacle: () => missing(['which', 'erlc'], ['test', '-d', '/usr/lib/erlang/lib']),
  version: () => debianVersion('erlang-ssh'),
  start: (lab, options) => {
    const beam = built(lab, 'lab_ssh.beam', () =>
      execFileSync('erlc', ['-o', lab.folder, programFile('lab_ssh.erl')], {
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    );
    const folder = lab.newPath();
    mkdirSync(folder);
    for (const kind of oneOfEach) {
      const path = join(folder, `ssh_host_${kind.replace('256', '')}_key`);
      copyFileSync(lab.hostKeys.of(kind).path, path);
      chmodSync(path, 0o600);
    }
    copyFileSync(lab.authorize(), join(folder, 'authorized_keys'));
    const command = ['erl', '-noinput', '-pa', join(beam, '..'), '-eval', 'lab_ssh:main().'];
    return startProgram(lab, options, command, oneOfEach, { LAB_SYSTEM_DIR: folder, LAB_USER_DIR: folder });
  },
  commands: programCommands,
  methods: allMethods,
  subsystem: 'echo',
  rekeys: 'optionOnceAMinute',
  lacks: {
    ...sessionsOnly,
    exitSignal: { why: 'the library has no call that sends one', shows: /no exit-signal came/ },
  },
};

export const ssh2: InteropServer = {
  name: 'ssh2',
  obstacle: () => missing([process.execPath, '--version']),
  version: () => {
    const file = new URL('../../../node_modules/ssh2/package.json', import.meta.url);
    return `ssh2 ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`;
  },
  start: (lab, options) =>
    startProgram(lab, options, [process.execPath, programFile('ssh2_server.mjs')], everyKind),
  commands: programCommands,
  methods: allMethods,
  subsystem: 'echo',
  rekeys: 'option',
  brokenAlgorithms: {
    'diffie-hellman-group-exchange-sha256': {
      why: 'its server offers group exchange, and disconnects when it is asked for a group',
      shows: /disconnected \(reason 3\)/,
    },
  },
  lacks: sessionsOnly,
};

/**
 * A host key in a PEM file, for a program that fails to read some of OpenSSH's:
 * paramiko 2.12 takes "Invalid key curve identifier" from about half of those
 * of ECDSA that have no comment. Ed25519 has no such format and stays.
 */
function oldFormat(lab: Lab, kind: KeyKind): string {
  const path = lab.newPath();
  copyFileSync(lab.hostKeys.of(kind).path, path);
  chmodSync(path, 0o600);
  if (kind !== 'ed25519')
    execFileSync('ssh-keygen', ['-q', '-p', '-N', '', '-m', 'PEM', '-f', path], { stdio: 'ignore' });
  return path;
}

const made = new WeakMap<Lab, Set<string>>();

/** A file of the lab, made once. */
function built(lab: Lab, name: string, make: (path: string) => void): string {
  const path = join(lab.folder, name);
  const names = made.get(lab) ?? new Set();
  made.set(lab, names);
  if (!names.has(name)) make(path);
  names.add(name);
  return path;
}
