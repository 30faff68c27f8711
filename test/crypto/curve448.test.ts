/** X448 and Ed448: what a peer may not send, and the methods that use them, between both roles. */
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import { isUsableEd448Point } from '../../src/crypto/keys/edwardsPoint.ts';
import { decodePublicKey, encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { Conversation } from '../support/conversation.ts';
import { codeOf, newEd448Key, newEd25519Key, noble, openssl, providers } from './support.ts';

const prime = 2n ** 448n - 2n ** 224n - 1n;
/** Of the base point of Ed448 (RFC 8032 §5.2). */
const order = 2n ** 446n - 0x8335dc163bb124b65129c96fde933d8d723a70aadc873d6d54a7bb0dn;
const littleEndian = (value: bigint, length: number): Uint8Array => bigIntToBytes(value, length).reverse();

describe.each(providers)('X448 by %s (RFC 8731 §3)', (_, provider) => {
  const { secretKey } = provider.x448.generate();

  it.each([
    ['0', 0n],
    ['1', 1n],
    ['p-1', prime - 1n],
    ['p', prime],
    ['p+1', prime + 1n],
  ])('a value of small order ends: %s', (_name, u) => {
    const value = littleEndian(u, 56);
    expect(codeOf(() => provider.x448.sharedSecret(secretKey, value))).toBe('ERR_SSH_KEY_EXCHANGE');
  });

  it('a value of another length ends', () => {
    const { publicKey } = provider.x448.generate();
    for (const bad of [
      publicKey.subarray(1),
      concatBytes(publicKey, Uint8Array.of(0)),
      new Uint8Array(0),
      new Uint8Array(32),
    ]) {
      expect(codeOf(() => provider.x448.sharedSecret(secretKey, bad))).toBe('ERR_SSH_KEY_EXCHANGE');
    }
  });
});

describe.each(providers)('Ed448 by %s', (_, provider) => {
  const key = newEd448Key();
  const data = Uint8Array.of(1, 2, 3);
  const signature = provider.sign('ssh-ed448', key, data);

  it('a signature with another length, or with S beyond the order, is none (RFC 8032 §5.2.7)', () => {
    const s = bytesToBigInt(signature.slice(57).reverse());
    const larger = concatBytes(signature.subarray(0, 57), littleEndian(s + order, 57));
    expect(provider.verify('ssh-ed448', key.publicKey, data, signature)).toBe(true);
    for (const bad of [
      larger,
      signature.subarray(1),
      concatBytes(signature, Uint8Array.of(0)),
      new Uint8Array(0),
    ]) {
      expect(provider.verify('ssh-ed448', key.publicKey, data, bad)).toBe(false);
    }
  });

  it('a key of small order, or one that is not canonical, verifies nothing', () => {
    const weak = [0n, 1n, prime - 1n, prime, prime + 1n].map((y) => littleEndian(y, 57));
    for (const point of weak) {
      expect(isUsableEd448Point(point)).toBe(false);
      expect(provider.verify('ssh-ed448', { type: 'ssh-ed448', point }, data, signature)).toBe(false);
      const forged = concatBytes(point, new Uint8Array(57));
      expect(provider.verify('ssh-ed448', key.publicKey, data, forged)).toBe(false);
    }
  });

  it('serves its own algorithm only, and no other key serves it', () => {
    const other = newEd25519Key();
    expect(provider.verify('ssh-ed25519', key.publicKey, data, signature)).toBe(false);
    expect(codeOf(() => provider.sign('ssh-ed448', other, data))).toBe('ERR_SSH_CRYPTO');
    expect(codeOf(() => provider.sign('ssh-ed448', { ...key, seed: key.seed.subarray(1) }, data))).toBe(
      'ERR_SSH_CRYPTO',
    );
  });
});

describe('between a client and a server', () => {
  it.each([
    ['noble', 'openssl', noble, openssl],
    ['openssl', 'noble', openssl, noble],
  ] as const)('curve448-sha512 and ssh-ed448 come to a connection, %s and %s', (_c, _s, client, server) => {
    const conversation = Conversation.to('ready', {
      client: { provider: client, preferences: { kex: ['curve448-sha512'], hostKey: ['ssh-ed448'] } },
      server: { provider: server, hostKeys: [newEd448Key()] },
    });
    expect(conversation.client.transport.keyExchange.negotiated).toMatchObject({
      kex: 'curve448-sha512',
      hostKey: 'ssh-ed448',
    });
  });

  it('a host key blob has a point of 57 bytes (RFC 8709 §4)', () => {
    const { publicKey } = newEd448Key();
    const blob = encodePublicKey(publicKey);
    expect(decodePublicKey(blob)).toEqual(publicKey);
    const short = encodePublicKey({ type: 'ssh-ed448', point: publicKey.point.subarray(1) });
    expect(codeOf(() => decodePublicKey(short))).toBe('ERR_SSH_DECODE');
  });
});
