/**
 * The client programs.
 *
 * Owns: their command lines, and where each of them keeps keys, host keys and answers.
 * Must not know: what is tested.
 */
import { execFileSync } from 'node:child_process';
import type { KeyKind } from '../servers/keys.ts';
import { findProgram, type Program, pathOf } from '../servers/programs.ts';
import { type ClientLab, publicLine } from './lab.ts';
import type { Invocation } from './process.ts';

/** How the user proves to be there. */
export type Login =
  | 'none'
  | { readonly key: KeyKind }
  | { readonly password: string }
  | { readonly key: KeyKind; readonly password: string }
  /** Answers by the texts of their prompts, in their order. */
  | { readonly answers: Readonly<Record<string, string>> };

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What a client is to do. Without a command, a subsystem or a tunnel it asks for a shell. */
export interface ClientRequest {
  readonly port: number;
  /** Those of the server that may be believed; all of the fixtures unless said. */
  readonly hostKeys?: readonly KeyKind[];
  readonly login: Login;
  readonly command?: string;
  readonly subsystem?: string;
  /** Ask for a terminal, or for none. */
  readonly pty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** A tunnel in place of a session, to and from standard input and output. */
  readonly tunnel?: Place;
  /** A listening port of the client that leads to a place, and nothing besides. */
  readonly forward?: { readonly from: number; readonly to: Place };
  /** Bytes between key exchanges. */
  readonly rekeyBytes?: number;
  /** Shows banners and the like. */
  readonly verbose?: boolean;
  /** Further arguments, ahead of the host. */
  readonly more?: readonly string[];
}

export interface ClientKind {
  readonly name: string;
  readonly program: Program;
  readonly needs: readonly Program[];
  /** What it cannot be asked for. */
  readonly lacks: ReadonlySet<'env' | 'rekeyBytes'>;
  /** It asks the server to answer its requests. */
  readonly wantsAnswers: boolean;
  /** Its own status for a command that a signal ended. */
  readonly statusOfSignal: number;
  /** Whether it stays while its input is open, though the command's output has ended. */
  readonly staysAfterEof: boolean;
  /** It reads answers to prompts from standard input where it has no terminal. */
  readonly asksAtInput: boolean;
  invoke(lab: ClientLab, request: ClientRequest): Invocation;
}

const username = 'ops';
const everyKind: readonly KeyKind[] = ['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'];

/** The environment of a program that must not find anything of the person who runs the tests. */
function environment(lab: ClientLab, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: lab.folder, LC_ALL: 'C', TERM: 'xterm', ...more };
}

function place({ host, port }: Place): string {
  return `${host}:${port}`;
}

// OpenSSH ---------------------------------------------------------------------------

/** All that this build has, what is off by default too. */
function everyAlgorithm(): string[] {
  const query = (what: string): string =>
    execFileSync(pathOf('ssh'), ['-Q', what], { encoding: 'utf8' }).trim().split('\n').join(',');
  return [
    `KexAlgorithms=${query('kex')}`,
    `Ciphers=${query('cipher')}`,
    `MACs=${query('mac')}`,
    `HostKeyAlgorithms=${query('HostKeyAlgorithms')}`,
    `PubkeyAcceptedAlgorithms=${query('PubkeyAcceptedAlgorithms')}`,
  ];
}

let openSshAlgorithms: string[] | undefined;

/** Answers the prompts that ssh hands to a program: by their text, or one for all. */
function askPass(lab: ClientLab, login: Login): Record<string, string> {
  if (login === 'none' || !('password' in login || 'answers' in login)) return {};
  const cases =
    'password' in login
      ? `*) echo '${login.password}';;`
      : Object.entries(login.answers)
          .map(([prompt, answer]) => `*'${prompt}'*) echo '${answer}';;`)
          .join('\n');
  const script = lab.file(`#!/bin/sh\ncase "$1" in\n${cases}\nesac\n`, 0o700);
  return { SSH_ASKPASS: script, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':none' };
}

function openSshMethod(login: Login): string {
  if (login === 'none') return 'none';
  if ('answers' in login) return 'keyboard-interactive';
  const methods = [...('key' in login ? ['publickey'] : []), ...('password' in login ? ['password'] : [])];
  return methods.join(',');
}

export const openSshClient: ClientKind = {
  name: 'OpenSSH',
  program: 'ssh',
  needs: ['ssh'],
  lacks: new Set(),
  wantsAnswers: true,
  statusOfSignal: 255,
  staysAfterEof: true,
  asksAtInput: false,
  invoke(lab, request) {
    const { port, hostKeys = everyKind, login, command, subsystem, pty, env = {}, tunnel, forward } = request;
    openSshAlgorithms ??= everyAlgorithm();
    const known = hostKeys.map((kind) => `[127.0.0.1]:${port} ${publicLine(kind)}\n`).join('');
    const options = [
      ...openSshAlgorithms,
      `UserKnownHostsFile=${lab.file(known)}`,
      'GlobalKnownHostsFile=none',
      'StrictHostKeyChecking=yes',
      'UpdateHostKeys=no',
      'IdentityAgent=none',
      'IdentitiesOnly=yes',
      `PreferredAuthentications=${openSshMethod(login)}`,
      'NumberOfPasswordPrompts=1',
      'EscapeChar=none',
      `LogLevel=${request.verbose === true ? 'INFO' : 'ERROR'}`,
      ...(Object.keys(env).length === 0
        ? []
        : [
            `SetEnv=${Object.entries(env)
              .map(([name, value]) => `${name}="${value}"`)
              .join(' ')}`,
          ]),
      ...(request.rekeyBytes === undefined ? [] : [`RekeyLimit=${request.rekeyBytes}`]),
    ];
    const args = [
      ...['-F', 'none', '-p', String(port)],
      ...options.flatMap((option) => ['-o', option]),
      ...(login !== 'none' && 'key' in login ? ['-i', lab.key(login.key, 'openssh')] : []),
      ...(pty === true ? ['-tt'] : ['-T']),
      ...(subsystem === undefined ? [] : ['-s']),
      ...(tunnel === undefined ? [] : ['-W', place(tunnel)]),
      ...(forward === undefined ? [] : ['-N', '-L', `127.0.0.1:${forward.from}:${place(forward.to)}`]),
      ...(request.more ?? []),
      `${username}@127.0.0.1`,
      ...[command ?? subsystem ?? []].flat(),
    ];
    return { program: pathOf('ssh'), args, env: environment(lab, askPass(lab, login)) };
  },
};

// PuTTY -------------------------------------------------------------------------------

/** PuTTY refuses, in batch, what stands below WARN in its settings; here nothing does. */
const puttyAlgorithms = {
  Cipher: 'aesgcm,chacha20,aes,3des,blowfish,des,arcfour,WARN',
  KEX: 'ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,dh-group17-sha512,dh-group16-sha512,dh-group15-sha512,dh-group14-sha1,rsa,dh-group1-sha1,WARN',
  HostKey: 'ed25519,ed448,ecdsa,rsa,dsa,WARN',
} as const;

let sessions = 0;

export const plink: ClientKind = {
  name: 'PuTTY plink',
  program: 'plink',
  needs: ['plink'],
  lacks: new Set(),
  wantsAnswers: true,
  statusOfSignal: 128,
  staysAfterEof: false,
  asksAtInput: true,
  invoke(lab, request) {
    const { port, hostKeys = everyKind, login, command, subsystem, pty, env = {}, tunnel, forward } = request;
    const settings = {
      ...puttyAlgorithms,
      SshProt: '3',
      TryAgent: '0',
      ...(request.rekeyBytes === undefined ? {} : { RekeyBytes: String(request.rekeyBytes) }),
      Environment: Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    };
    const session = `session-${sessions++}`;
    const text = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    lab.named('.putty/sessions', session, text.join(''));
    const interactive = login !== 'none' && 'answers' in login;
    const args = [
      ...['-load', session, '-ssh', '-2', '-P', String(port), '-l', username, '-noagent'],
      ...(interactive ? ['-no-antispoof'] : ['-batch']),
      ...hostKeys.flatMap((kind) => ['-hostkey', publicLine(kind).split(' ')[1] ?? '']),
      ...(login !== 'none' && 'key' in login ? ['-i', lab.key(login.key, 'putty-3.ppk')] : []),
      ...(login !== 'none' && 'password' in login ? ['-pwfile', lab.file(`${login.password}\n`)] : []),
      ...(request.verbose === true ? ['-v'] : []),
      ...(pty === true ? ['-t'] : ['-T']),
      ...(subsystem === undefined ? [] : ['-s']),
      ...(tunnel === undefined ? [] : ['-nc', place(tunnel)]),
      ...(forward === undefined ? [] : ['-N', '-L', `127.0.0.1:${forward.from}:${place(forward.to)}`]),
      ...(request.more ?? []),
      '127.0.0.1',
      ...[command ?? subsystem ?? []].flat(),
    ];
    return { program: pathOf('plink'), args, env: environment(lab) };
  },
};

// dropbear ----------------------------------------------------------------------------

export const dbclient: ClientKind = {
  name: 'dropbear dbclient',
  program: 'dbclient',
  needs: ['dbclient', 'dropbearconvert'],
  lacks: new Set(['env', 'rekeyBytes']),
  wantsAnswers: false,
  // It knows the message and does nothing about it.
  statusOfSignal: 0,
  staysAfterEof: false,
  asksAtInput: true,
  invoke(lab, request) {
    const { port, hostKeys = everyKind, login, command, subsystem, pty, tunnel, forward } = request;
    const known = hostKeys.map((kind) => `127.0.0.1 ${publicLine(kind)}\n`).join('');
    lab.named('.ssh', 'known_hosts', known);
    const args = [
      ...['-p', String(port), '-l', username],
      ...(login !== 'none' && 'key' in login ? ['-i', lab.key(login.key, 'dropbear')] : []),
      ...(pty === true ? ['-t'] : ['-T']),
      ...(subsystem === undefined ? [] : ['-s']),
      ...(tunnel === undefined ? [] : ['-B', place(tunnel)]),
      ...(forward === undefined ? [] : ['-N', '-L', `127.0.0.1:${forward.from}:${place(forward.to)}`]),
      ...(request.more ?? []),
      '127.0.0.1',
      ...[command ?? subsystem ?? []].flat(),
    ];
    const password =
      login !== 'none' && 'password' in login ? { DROPBEAR_PASSWORD: login.password } : undefined;
    return { program: pathOf('dbclient'), args, env: environment(lab, password) };
  },
};

export const clientKinds: readonly ClientKind[] = [openSshClient, plink, dbclient];

/** Whether a client and what its tests need are here. */
export function isInstalled({ needs }: ClientKind): boolean {
  return needs.every((program) => findProgram(program) !== undefined);
}
