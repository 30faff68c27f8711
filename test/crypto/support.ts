/**
 * What the tests of the providers share: the providers, seeded randomness, keys.
 */
import { createECDH, createHash, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { SshError } from '../../src/base/errors.ts';
import type {
  EcdsaPrivateKey,
  Ed448PrivateKey,
  Ed25519PrivateKey,
  RsaPrivateKey,
} from '../../src/crypto/keys/privateKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { loadAll } from '../../src/crypto/provider/load.ts';
import type { CryptoProvider, CurveName } from '../../src/crypto/provider/provider.ts';
import type { RandomBytes } from '../../src/crypto/provider/random.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { systemRandomBytes } from '../../src/node/crypto/random.ts';

/** Both providers, ready. */
export const noble: CryptoProvider = createEagerNobleProvider({ randomBytes: systemRandomBytes });
export const openssl: CryptoProvider = createOpensslProvider();
await loadAll(openssl);
export const providers: readonly [string, CryptoProvider][] = [
  ['noble', noble],
  ['openssl', openssl],
];

export const curveNames: readonly CurveName[] = ['nistp256', 'nistp384', 'nistp521'];

/** The same bytes for the same seed: SHA-256 of seed and counter. */
export function seededRandom(seed: string): RandomBytes {
  let counter = 0;
  let stock = new Uint8Array(0);
  return (length) => {
    while (stock.length < length) {
      const block = createHash('sha256').update(`${seed}/${counter++}`).digest();
      stock = Uint8Array.from([...stock, ...block]);
    }
    const bytes = stock.slice(0, length);
    stock = stock.slice(length);
    return bytes;
  };
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The code of the SshError that `action` throws; anything else thrown fails the test. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

const opensslCurves: { readonly [C in CurveName]: string } = {
  nistp256: 'prime256v1',
  nistp384: 'secp384r1',
  nistp521: 'secp521r1',
};

export function ecdsaKey(curve: CurveName, scalar: Uint8Array): EcdsaPrivateKey {
  const ecdh = createECDH(opensslCurves[curve]);
  ecdh.setPrivateKey(scalar);
  const point = new Uint8Array(ecdh.getPublicKey());
  const type = `ecdsa-sha2-${curve}` as const;
  return { type, publicKey: { type, curve, point }, scalar };
}

export function ed25519Key(seed: Uint8Array, point: Uint8Array): Ed25519PrivateKey {
  return { type: 'ssh-ed25519', publicKey: { type: 'ssh-ed25519', point }, seed };
}

export function newEd25519Key(): Ed25519PrivateKey {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return ed25519Key(decode(jwk.d), decode(jwk.x));
}

export function newEd448Key(): Ed448PrivateKey {
  const jwk = generateKeyPairSync('ed448').privateKey.export({ format: 'jwk' });
  const publicKey = { type: 'ssh-ed448', point: decode(jwk.x) } as const;
  return { type: 'ssh-ed448', publicKey, seed: decode(jwk.d) };
}

export function newEcdsaKey(curve: CurveName): EcdsaPrivateKey {
  return ecdsaKey(curve, noble.ecdh(curve).generate().secretKey);
}

export function newRsaKey(modulusLength: number, publicExponent = 65_537): RsaPrivateKey {
  return rsaKey(
    generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey.export({ format: 'jwk' }),
  );
}

export function rsaKey(jwk: JsonWebKey): RsaPrivateKey {
  return {
    type: 'ssh-rsa',
    publicKey: { type: 'ssh-rsa', exponent: decode(jwk.e), modulus: decode(jwk.n) },
    privateExponent: decode(jwk.d),
    prime1: decode(jwk.p),
    prime2: decode(jwk.q),
    coefficient: decode(jwk.qi),
  };
}

function decode(field: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(field ?? '', 'base64url'));
}

/** A copy with one bit turned over. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  const index = Math.floor(bit / 8) % copy.length;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit % 8));
  return copy;
}
