/**
 * The conversations that are recorded.
 *
 * Owns: which server each is held with and what the client does in it.
 */
import type { AlgorithmPreferences } from '../../src/transport/kex/negotiation.ts';
import type { KeyKind, ServerName } from '../support/servers/index.ts';
import type { Command, Story } from './story.ts';

export interface Plan {
  readonly server: ServerName;
  readonly hostKey: KeyKind;
  readonly algorithms: AlgorithmPreferences;
  /** `right` and `wrong` stand for passwords. */
  readonly credentials: readonly ('none' | 'publickey' | 'right' | 'wrong')[];
  readonly commands: readonly Command[];
}

const algorithms = (
  kex: string,
  hostKey: string,
  cipher: string,
  mac = 'hmac-sha2-256',
): AlgorithmPreferences => ({
  kex: [kex],
  hostKey: [hostKey],
  cipher: [cipher],
  mac: [mac],
  compression: ['none'],
});

const both = 'echo to stdout; echo to stderr >&2; exit 3';

export const plans: Readonly<Record<string, Plan>> = {
  'openssh-curve25519-chacha20': {
    server: 'OpenSSH',
    hostKey: 'ed25519',
    algorithms: algorithms('curve25519-sha256', 'ssh-ed25519', 'chacha20-poly1305@openssh.com'),
    credentials: ['none', 'publickey'],
    commands: [{ command: both }, { command: 'cat', input: 'there and back\n', rekey: true }],
  },
  'openssh-nistp256-gcm': {
    server: 'OpenSSH',
    hostKey: 'ecdsa256',
    algorithms: algorithms('ecdh-sha2-nistp256', 'ecdsa-sha2-nistp256', 'aes128-gcm@openssh.com'),
    credentials: ['right'],
    commands: [
      { command: both },
      { command: 'head -c 20000 /dev/zero | tr "\\0" x' },
      { command: 'kill -TERM $$', rekey: true },
    ],
  },
  'openssh-group14-ctr-etm': {
    server: 'OpenSSH',
    hostKey: 'rsa',
    algorithms: algorithms(
      'diffie-hellman-group14-sha256',
      'rsa-sha2-512',
      'aes256-ctr',
      'hmac-sha2-256-etm@openssh.com',
    ),
    credentials: ['publickey'],
    commands: [{ command: both, rekey: true }],
  },
  'openssh-wrong-passwords': {
    server: 'OpenSSH',
    hostKey: 'ed25519',
    algorithms: algorithms('curve25519-sha256', 'ssh-ed25519', 'aes256-gcm@openssh.com'),
    credentials: ['none', 'wrong', 'wrong', 'wrong'],
    commands: [],
  },
  'dropbear-nistp521-ctr': {
    server: 'dropbear',
    hostKey: 'ecdsa521',
    algorithms: algorithms('ecdh-sha2-nistp521', 'ecdsa-sha2-nistp521', 'aes128-ctr'),
    credentials: ['none', 'publickey'],
    commands: [{ command: both }, { command: 'cat', input: 'there and back\n', rekey: true }],
  },
  'dropbear-curve25519-chacha20': {
    server: 'dropbear',
    hostKey: 'ed25519',
    algorithms: algorithms('curve25519-sha256', 'ssh-ed25519', 'chacha20-poly1305@openssh.com'),
    credentials: ['right'],
    commands: [{ command: both }],
  },
};

/** The story of a plan for an account that exists. */
export function storyOf(
  name: string,
  plan: Plan,
  account: { readonly name: string; readonly password: string },
): Story {
  return {
    seed: seedOf(name),
    algorithms: plan.algorithms,
    username: account.name,
    credentials: plan.credentials.map((credential) => {
      if (credential === 'right') return { password: account.password };
      return credential === 'wrong' ? { password: 'a wrong one' } : credential;
    }),
    commands: plan.commands,
  };
}

export function seedOf(name: string): number {
  let seed = 0;
  for (const letter of name) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) >>> 0;
  return seed;
}
