import { createECDH, createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { curves } from '../../src/crypto/kex/curves.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import { type EcdsaParts, signEcdsa } from '../../src/crypto/keys/rfc6979.ts';
import { seededRandom, utf8 } from './support.ts';

const data = utf8('sample');
/** The key of RFC 6979 A.2.5. */
const scalar = fromHex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721');

function parts(multiplyBase: EcdsaParts['multiplyBase']): EcdsaParts {
  return {
    hash: (name, bytes) => createHash(name).update(bytes).digest(),
    hmac: (name, key, bytes) => createHmac(name, key).update(bytes).digest(),
    multiplyBase,
    randomBytes: seededRandom('blinding'),
  };
}

function multiply(_curve: string, factor: Uint8Array): Uint8Array {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(factor);
  return new Uint8Array(ecdh.getPublicKey());
}

/** The first candidates of RFC 6979 §3.2 for P-256 with SHA-256, written out step by step. */
function candidates(count: number): string[] {
  const hmac = (key: Uint8Array, ...bytes: Uint8Array[]): Uint8Array =>
    createHmac('sha256', key)
      .update(concatBytes(...bytes))
      .digest();
  const digest = createHash('sha256').update(data).digest();
  const h1 = bigIntToBytes(bytesToBigInt(digest) % curves.nistp256.order, 32);
  let v: Uint8Array = new Uint8Array(32).fill(1);
  let k: Uint8Array = new Uint8Array(32);
  k = hmac(k, v, Uint8Array.of(0), scalar, h1);
  v = hmac(k, v);
  k = hmac(k, v, Uint8Array.of(1), scalar, h1);
  v = hmac(k, v);
  const found: string[] = [];
  while (found.length < count) {
    v = hmac(k, v);
    found.push(toHex(v));
    k = hmac(k, v, Uint8Array.of(0));
    v = hmac(k, v);
  }
  return found;
}

describe('RFC 6979', () => {
  it('§3.2 h.3: goes on to the next candidate where one yields no signature', () => {
    const tried: string[] = [];
    const signature = signEcdsa(
      parts((curve, factor) => {
        tried.push(toHex(factor));
        // r = 0 for the first two: rarer than anybody will see.
        return tried.length < 3 ? new Uint8Array(65) : multiply(curve, factor);
      }),
      'nistp256',
      scalar,
      data,
    );
    expect(tried).toEqual(candidates(3));
    expect(signature).toHaveLength(64);
  });

  it('the blinding factor changes nothing', () => {
    const sign = (seed: string): Uint8Array =>
      signEcdsa({ ...parts(multiply), randomBytes: seededRandom(seed) }, 'nistp256', scalar, data);
    expect(sign('a')).toEqual(sign('b'));
  });

  it('signs with no number that is no scalar of the curve', () => {
    const { order } = curves.nistp256;
    const none: readonly (readonly [string, Uint8Array])[] = [
      ['zero', new Uint8Array(32)],
      ['the order', bigIntToBytes(order, 32)],
      ['more than the order', bigIntToBytes(order + 1n, 32)],
      ['a byte too many', concatBytes(Uint8Array.of(0), scalar)],
      ['a byte too few', bigIntToBytes(7n, 31)],
      ['no byte', new Uint8Array(0)],
    ];
    for (const [what, wrong] of none) {
      expect(() => signEcdsa(parts(multiply), 'nistp256', wrong, data), what).toThrow(
        'the private key is not a scalar of nistp256',
      );
    }
    for (const right of [1n, order - 1n]) {
      expect(signEcdsa(parts(multiply), 'nistp256', bigIntToBytes(right, 32), data)).toHaveLength(64);
    }
  });

  it('leaves no nonce in memory: who knows one knows the key', () => {
    const nonces: Uint8Array[] = [];
    signEcdsa(
      parts((curve, factor) => {
        nonces.push(factor);
        return nonces.length < 2 ? new Uint8Array(65) : multiply(curve, factor);
      }),
      'nistp256',
      scalar,
      data,
    );
    expect(nonces).toEqual([new Uint8Array(32), new Uint8Array(32)]);
  });

  it("keeps the caller's scalar", () => {
    const mine = scalar.slice();
    signEcdsa(parts(multiply), 'nistp256', mine, data);
    expect(mine).toEqual(scalar);
  });
});
