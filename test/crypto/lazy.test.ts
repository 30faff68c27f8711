/**
 * Loading on demand. This file must import no eager provider: the slots it
 * looks at are the process's own.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { createNobleProvider } from '../../src/crypto/noble/provider.ts';
import { loadAlgorithms, loadAll } from '../../src/crypto/provider/load.ts';
import { filledSlot, ImportedSlot, PreferredSlot } from '../../src/crypto/provider/slot.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { systemRandomBytes } from '../../src/node/crypto/random.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof SshError ? error.code : String(error);
  }
  return 'nothing thrown';
}

const internal = 'ERR_SSH_INTERNAL';
const lazy = [
  'mlkem768x25519-sha256',
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-ed25519-cert-v01@openssh.com',
  'aes128-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes256-ctr',
  'sntrup761x25519-sha512',
  'sntrup761x25519-sha512@openssh.com',
  'curve448-sha512',
  'ssh-ed448',
  'aes128-cbc',
  '3des-cbc',
  'umac-64@openssh.com',
  'umac-128-etm@openssh.com',
];
const always = [
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group18-sha512',
  'diffie-hellman-group-exchange-sha256',
  'diffie-hellman-group1-sha1',
  'rsa-sha2-512',
  'ssh-rsa',
  'hmac-sha1',
  'hmac-sha2-256-etm@openssh.com',
  'none',
  'unheard-of@example.com',
  'constructor',
];

describe('the provider in TypeScript, before its code is loaded', () => {
  const provider = createNobleProvider({ randomBytes: systemRandomBytes });
  const seed = new Uint8Array(32);
  const key = { type: 'ssh-ed25519', point: seed } as const;

  it.each(lazy)('%s has a loader', (name) => expect(provider.loaderFor(name)).toBeTypeOf('function'));
  it.each(always)('%s has none', (name) => expect(provider.loaderFor(name)).toBeUndefined());

  it('says ERR_SSH_INTERNAL when it is used all the same, and never guesses', () => {
    expect(codeOf(() => provider.x25519.generate())).toBe(internal);
    expect(codeOf(() => provider.ecdh('nistp256').sharedSecret(seed, seed))).toBe(internal);
    expect(codeOf(() => provider.mlKem768.decapsulate(seed, seed))).toBe(internal);
    expect(codeOf(() => provider.verify('ssh-ed25519', key, seed, seed))).toBe(internal);
    expect(codeOf(() => provider.sign('ssh-ed25519', { type: key.type, publicKey: key, seed }, seed))).toBe(
      internal,
    );
  });

  it('hashes, signs with RSA and agrees over prime fields from the start', () => {
    expect(provider.createHash('sha256').digest()).toHaveLength(32);
  });
});

describe('afterwards', () => {
  const provider = createNobleProvider({ randomBytes: systemRandomBytes });
  const other = createNobleProvider({ randomBytes: systemRandomBytes });

  beforeAll(async () => {
    await loadAlgorithms(provider, ['curve25519-sha256', 'unheard-of@example.com']);
  });

  it('what was loaded serves, for every provider of the process; the rest still waits', () => {
    expect(provider.x25519.generate().publicKey).toHaveLength(32);
    expect(other.loaderFor('ssh-ed25519')).toBeUndefined();
    expect(other.loaderFor('ecdh-sha2-nistp256')).toBeTypeOf('function');
    expect(other.loaderFor('mlkem768x25519-sha256')).toBeTypeOf('function');
    expect(other.loaderFor('sntrup761x25519-sha512')).toBeTypeOf('function');
    expect(other.loaderFor('curve448-sha512')).toBeTypeOf('function');
    expect(other.loaderFor('umac-64@openssh.com')).toBeTypeOf('function');
  });

  it('loadAll leaves no loader', async () => {
    await loadAll(provider);
    for (const name of lazy) expect(provider.loaderFor(name)).toBeUndefined();
    const openssl = createOpensslProvider();
    await loadAll(openssl);
    for (const name of lazy) expect(openssl.loaderFor(name)).toBeUndefined();
  });
});

describe('slots', () => {
  it('a module that cannot be loaded is ERR_SSH_CRYPTO with its cause, and is tried again', async () => {
    const cause = new Error('no such module');
    const results = [Promise.reject(cause), Promise.resolve(7)];
    const slot = new ImportedSlot('sevens', () => results.shift() ?? Promise.resolve(0));
    await expect(slot.load()).rejects.toMatchObject({ code: 'ERR_SSH_CRYPTO', cause });
    expect(slot.ready).toBe(false);
    await slot.load();
    expect(slot.use()).toBe(7);
    await slot.load();
    expect(slot.use()).toBe(7);
  });

  it('what the runtime lacks comes from the fallback, tried once and not before it is wanted', async () => {
    let trials = 0;
    const works = (): boolean => {
      trials++;
      throw new Error('not supported');
    };
    const fallback = new ImportedSlot('fallback', () => Promise.resolve('fallback'));
    const slot = new PreferredSlot('native', works, fallback);
    expect(trials).toBe(0);
    expect(slot.ready).toBe(false);
    await slot.load();
    expect(slot.use()).toBe('fallback');
    expect(trials).toBe(1);
  });

  it('what the runtime has needs no loading', async () => {
    const slot = new PreferredSlot('native', () => true, filledSlot('fallback'));
    expect(slot.ready).toBe(true);
    await slot.load();
    expect(slot.use()).toBe('native');
  });
});
