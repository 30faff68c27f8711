/** A key that signs often is imported once; of every other one nothing is kept. */
import { describe, expect, it } from 'vitest';
import { wipePrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { loadAll } from '../../src/crypto/provider/load.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { newRsaKey, noble } from './support.ts';

const data = new Uint8Array(64).fill(3);

describe('a provider on OpenSSL', () => {
  it('keeps what it made of an RSA key that it is told of, and signs as before', async () => {
    const provider = createOpensslProvider();
    await loadAll(provider);
    const key = newRsaKey(2048);
    const before = provider.sign('rsa-sha2-512', key, data);
    provider.keep?.(key);
    expect(provider.sign('rsa-sha2-512', key, data)).toEqual(before);
    expect(noble.verify('rsa-sha2-512', key.publicKey, data, before)).toBe(true);
    wipePrivateKey(key);
    expect(provider.sign('rsa-sha2-512', key, data)).toEqual(before);
  });

  it('keeps nothing of a key that it is not told of', async () => {
    const provider = createOpensslProvider();
    await loadAll(provider);
    const key = newRsaKey(2048);
    provider.sign('rsa-sha2-512', key, data);
    wipePrivateKey(key);
    expect(() => provider.sign('rsa-sha2-512', key, data)).toThrow();
  });

  it('says nothing of a key that it cannot import: its first signature does', async () => {
    const provider = createOpensslProvider();
    await loadAll(provider);
    const key = newRsaKey(2048);
    wipePrivateKey(key);
    expect(() => provider.keep?.(key)).not.toThrow();
    expect(() => provider.sign('rsa-sha2-512', key, data)).toThrow(
      expect.objectContaining({ name: 'SshError' }),
    );
  });
});
