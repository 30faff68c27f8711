/**
 * Keys made for one run by the programs of OpenSSH and dropbear.
 *
 * Owns: host keys and user keys of every type, in files.
 * Must not know: servers, users.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint } from '../../../src/keys/fingerprint.ts';
import { pathOf } from './programs.ts';

export const keyKinds = ['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'] as const;
export type KeyKind = (typeof keyKinds)[number];

/** Name of the key type on the wire (RFC 4253 §6.6). */
export const keyTypes: Readonly<Record<KeyKind, string>> = {
  ed25519: 'ssh-ed25519',
  ecdsa256: 'ecdsa-sha2-nistp256',
  ecdsa384: 'ecdsa-sha2-nistp384',
  ecdsa521: 'ecdsa-sha2-nistp521',
  rsa: 'ssh-rsa',
};

const keygenArguments: Readonly<Record<KeyKind, readonly string[]>> = {
  ed25519: ['-t', 'ed25519'],
  ecdsa256: ['-t', 'ecdsa', '-b', '256'],
  ecdsa384: ['-t', 'ecdsa', '-b', '384'],
  ecdsa521: ['-t', 'ecdsa', '-b', '521'],
  rsa: ['-t', 'rsa', '-b', '2048'],
};

const dropbearArguments: Readonly<Record<KeyKind, readonly string[]>> = {
  ed25519: ['-t', 'ed25519'],
  ecdsa256: ['-t', 'ecdsa', '-s', '256'],
  ecdsa384: ['-t', 'ecdsa', '-s', '384'],
  ecdsa521: ['-t', 'ecdsa', '-s', '521'],
  rsa: ['-t', 'rsa', '-s', '2048'],
};

/** A key pair in files. */
export interface KeyFile {
  readonly kind: KeyKind;
  /** Of the private key. */
  readonly path: string;
  /** `ssh-ed25519 AAAA…`, as in authorized_keys and behind the name in known_hosts. */
  readonly publicLine: string;
  readonly fingerprint: string;
}

/** Keys by kind, each made when it is first asked for. */
export class KeyRing {
  private readonly folder: string;
  private readonly make: (kind: KeyKind, path: string) => string;
  private readonly made = new Map<KeyKind, KeyFile>();

  /** @param make makes a key at the path and returns its public line */
  constructor(folder: string, make: (kind: KeyKind, path: string) => string) {
    mkdirSync(folder);
    this.folder = folder;
    this.make = make;
  }

  of(kind: KeyKind): KeyFile {
    const present = this.made.get(kind);
    if (present !== undefined) return present;
    const path = join(this.folder, kind);
    const publicLine = this.make(kind, path).trim().split(' ').slice(0, 2).join(' ');
    const blob = new Uint8Array(Buffer.from(publicLine.split(' ')[1] ?? '', 'base64'));
    const key = { kind, path, publicLine, fingerprint: fingerprint(blob) };
    this.made.set(kind, key);
    return key;
  }

  /** Text of the private key's file. */
  textOf(kind: KeyKind): string {
    return readFileSync(this.of(kind).path, 'utf8');
  }
}

/** Makes an OpenSSH key; `extra` are further arguments of ssh-keygen. */
export function makeOpenSshKey(
  kind: KeyKind,
  path: string,
  { passphrase = '', extra = [] }: { readonly passphrase?: string; readonly extra?: readonly string[] } = {},
): string {
  const args = ['-q', '-N', passphrase, '-C', '', '-f', path, ...keygenArguments[kind], ...extra];
  execFileSync(pathOf('ssh-keygen'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  return readFileSync(`${path}.pub`, 'utf8');
}

/** Makes a host key in dropbear's own format. */
export function makeDropbearKey(kind: KeyKind, path: string): string {
  const output = execFileSync(pathOf('dropbearkey'), [...dropbearArguments[kind], '-f', path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const line = output.split('\n').find((text) => text.startsWith(`${keyTypes[kind]} `));
  if (line === undefined) throw new Error(`dropbearkey showed no public key:\n${output}`);
  return line;
}
