import { describe, expect, it } from 'vitest';
import { createDhAgreement } from '../../src/crypto/kex/dh.ts';
import { type DhGroupName, dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import type { KeyAgreement } from '../../src/crypto/provider/provider.ts';
import { opensslDhAgreement } from '../../src/node/crypto/dh.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { systemRandomBytes } from '../../src/node/crypto/random.ts';

const names: readonly DhGroupName[] = ['group14', 'group15', 'group16', 'group17', 'group18'];

/** On the runtime that the tests run on; others may leave a group to TypeScript. */
function onOpenssl(name: DhGroupName): KeyAgreement {
  const agreement = opensslDhAgreement(dhGroup(name));
  if (agreement === undefined) throw new Error(`${name} does not go to OpenSSL on this runtime`);
  return agreement;
}

describe('Diffie-Hellman on OpenSSL', () => {
  const offered = names.filter((name) => opensslDhAgreement(dhGroup(name)) !== undefined);

  it('has at least the groups up to 4,096 bits on Node', () => {
    expect(offered).toEqual(expect.arrayContaining(['group14', 'group15', 'group16']));
  });

  it.each(offered)('%s agrees with that over bigint, whoever of the two begins', (name) => {
    const group = dhGroup(name);
    const plain = createDhAgreement(group, systemRandomBytes);
    const fast = onOpenssl(name);
    const [mine, other] = [fast.generate(), plain.generate()];
    expect(mine.publicKey).toHaveLength(group.prime.length);
    const expected = plain.sharedSecret(other.secretKey, mine.publicKey);
    expect(fast.sharedSecret(mine.secretKey, other.publicKey)).toEqual(expected);
    // Once more, when OpenSSL's object is gone: from the exponent by itself.
    expect(fast.sharedSecret(mine.secretKey, other.publicKey)).toEqual(expected);
    expect(expected).toHaveLength(group.prime.length);
  });

  it.each(offered)('%s draws another exponent each time, of twice the strength of the group', (name) => {
    const fast = onOpenssl(name);
    const [one, two] = [fast.generate(), fast.generate()];
    expect(one.secretKey).not.toEqual(two.secretKey);
    // RFC 3526 §8 has 110 to 190 bits for the strength of these groups.
    expect(8 * one.secretKey.length).toBeGreaterThanOrEqual(224);
  });

  it('refuses what lies outside of 1 < f < p-1 (RFC 8268 §4) for an exponent that it drew', () => {
    const group = dhGroup('group14');
    const fast = onOpenssl('group14');
    const { secretKey, publicKey } = fast.generate();
    const p = bytesToBigInt(group.prime);
    for (const bad of [0n, 1n, p - 1n, p, p + 1n, p << 8n]) {
      const value = bigIntToBytes(bad, Math.max(group.prime.length, Math.ceil(bad.toString(16).length / 2)));
      expect(() => fast.sharedSecret(secretKey, value)).toThrow(
        expect.objectContaining({ code: 'ERR_SSH_KEY_EXCHANGE' }),
      );
    }
    // Nothing of it used the exponent up.
    expect(fast.sharedSecret(secretKey, publicKey)).toHaveLength(256);
  });

  it('is not for groups that a server proposes, nor for group 1, nor with a random source that is given', () => {
    const { prime, generator } = dhGroup('group14');
    expect(opensslDhAgreement({ prime, generator })).toBeUndefined();
    expect(opensslDhAgreement(dhGroup('group1'))).toBeUndefined();
    const other = prime.slice();
    other[100] = (other[100] as number) ^ 1;
    expect(opensslDhAgreement({ prime: other, generator, isNamed: true })).toBeUndefined();
    const seeded = createOpensslProvider({ randomBytes: (length) => new Uint8Array(length).fill(7) });
    const [one, two] = [seeded.dh(dhGroup('group14')).generate(), seeded.dh(dhGroup('group14')).generate()];
    expect(one).toEqual(two);
  });
});
