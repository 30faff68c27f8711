import { constants, createHash, createPrivateKey, generateKeyPairSync, privateEncrypt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import { isUsableRsaKey, rsaModulusLength, signRsa, verifyRsa } from '../../src/crypto/keys/rsa.ts';
import { codeOf, newRsaKey, noble, openssl, providers, rsaKey, seededRandom, utf8 } from './support.ts';

const sha256Info = fromHex('3031300d060960864801650304020105000420');
const data = utf8('signed data');
const digest = new Uint8Array(createHash('sha256').update(data).digest());
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
const key = rsaKey(privateKey.export({ format: 'jwk' }));

/** The signature whose encoded message is `encoded`, whatever that is. */
function signEncoded(encoded: Uint8Array): Uint8Array {
  return new Uint8Array(privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded));
}

function padded(info: Uint8Array, paddingLength: number): Uint8Array {
  const body = concatBytes(
    Uint8Array.of(0, 1),
    new Uint8Array(paddingLength).fill(0xff),
    Uint8Array.of(0),
    info,
  );
  return concatBytes(body, new Uint8Array(256 - body.length).fill(0x5a));
}

describe('RSASSA-PKCS1-v1_5', () => {
  it.each(providers)('%s accepts the one encoding of RFC 8017 §9.2 and no other', (_, provider) => {
    const info = concatBytes(sha256Info, digest);
    const right = padded(info, 256 - 3 - info.length);
    expect(provider.verify('rsa-sha2-256', key.publicKey, data, signEncoded(right))).toBe(true);

    // NULL parameters left out; RFC 8017 allows verifiers to take it, comparison of the whole does not.
    const shortInfo = concatBytes(fromHex('302f300b0609608648016503040201 0420'), digest);
    // Lengths in the long form (BER, not DER).
    const berInfo = concatBytes(fromHex('308131300d06096086480165030402010500 0420'), digest);
    const wrong = [
      padded(info, 8),
      padded(info, 100),
      padded(concatBytes(info, Uint8Array.of(0)), 256 - 3 - info.length - 1),
      padded(shortInfo, 256 - 3 - shortInfo.length),
      padded(berInfo, 256 - 3 - berInfo.length),
      padded(digest, 256 - 3 - digest.length),
      right.map((byte, i) => (i === 1 ? 2 : byte)),
      right.map((byte, i) => (i === 20 ? 0xfe : byte)),
    ];
    for (const encoded of wrong) {
      expect(provider.verify('rsa-sha2-256', key.publicKey, data, signEncoded(encoded))).toBe(false);
    }
  });

  // About one signature in 256 begins with a zero byte; peers have sent it without.
  const short = shortSignature();
  it.each(providers)('%s pads a short signature on the left (RFC 8332 §3)', (_, provider) => {
    expect(provider.sign('rsa-sha2-256', key, short.message)).toEqual(short.signature);
    const cut = short.signature.subarray(1);
    expect(provider.verify('rsa-sha2-256', key.publicKey, short.message, cut)).toBe(true);
    expect(provider.verify('rsa-sha2-256', key.publicKey, short.message, cut.subarray(1))).toBe(false);
  });

  it('blinding leaves no trace in the signature', () => {
    const signatures = ['a', 'b', 'c'].map((seed) => signRsa(key, 'sha256', digest, seededRandom(seed)));
    expect(signatures[1]).toEqual(signatures[0]);
    expect(signatures[2]).toEqual(signatures[0]);
    expect(verifyRsa(key.publicKey, 'sha256', digest, signatures[0] ?? digest)).toBe(true);
  });

  it('a fault in one half of the remainder theorem is caught before it gives a prime away', () => {
    const faulty = {
      ...key,
      coefficient: bigIntToBytes(bytesToBigInt(key.coefficient) ^ 1n, key.coefficient.length),
    };
    expect(codeOf(() => signRsa(faulty, 'sha256', digest, seededRandom('x')))).toBe('ERR_SSH_CRYPTO');
  });

  it('signs with the primes in either order, and with leading zeros in every number', () => {
    const pem = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const swapped = rsaKey(pem.export({ format: 'jwk' }));
    const [p, q] = [bytesToBigInt(swapped.prime1), bytesToBigInt(swapped.prime2)];
    const inverse = modInverseByPower(p, q);
    const other = {
      ...swapped,
      prime1: concatBytes(Uint8Array.of(0), swapped.prime2),
      prime2: concatBytes(Uint8Array.of(0), swapped.prime1),
      coefficient: concatBytes(Uint8Array.of(0, 0), bigIntToBytes(inverse, 128)),
    };
    expect(signRsa(other, 'sha256', digest, seededRandom('x'))).toEqual(
      signRsa(key, 'sha256', digest, seededRandom('y')),
    );
    for (const [, provider] of providers) {
      expect(provider.sign('rsa-sha2-256', other, data)).toEqual(noble.sign('rsa-sha2-256', key, data));
    }
  });

  it('works at lengths that are no whole number of bytes', () => {
    const odd = newRsaKey(2051);
    expect(rsaModulusLength(odd.publicKey)).toBe(257);
    for (const [, signer] of providers) {
      const signature = signer.sign('rsa-sha2-512', odd, data);
      for (const [, verifier] of providers) {
        expect(verifier.verify('rsa-sha2-512', odd.publicKey, data, signature)).toBe(true);
      }
    }
  });

  it('refuses a key too short for the hash, and hashes it does not know', () => {
    const short = newRsaKey(512);
    const long = new Uint8Array(64);
    expect(codeOf(() => signRsa(short, 'sha512', long, seededRandom('x')))).toBe('ERR_SSH_CRYPTO');
    expect(verifyRsa(short.publicKey, 'sha512', long, new Uint8Array(64))).toBe(false);
    for (const hash of ['md5', 'sha224', 'constructor']) {
      expect(codeOf(() => signRsa(key, hash, digest, seededRandom('x')))).toBe('ERR_SSH_CRYPTO');
      expect(verifyRsa(key.publicKey, hash, digest, new Uint8Array(256))).toBe(false);
    }
  });

  it('knows usable keys by their numbers', () => {
    expect(isUsableRsaKey(key.publicKey)).toBe(true);
    const largest = new Uint8Array(2048).fill(0xff);
    const { exponent } = key.publicKey;
    expect(isUsableRsaKey({ type: 'ssh-rsa', exponent, modulus: largest })).toBe(true);
    expect(
      isUsableRsaKey({ type: 'ssh-rsa', exponent, modulus: concatBytes(Uint8Array.of(1), largest) }),
    ).toBe(false);
    expect(
      isUsableRsaKey({ type: 'ssh-rsa', exponent, modulus: concatBytes(Uint8Array.of(0), largest) }),
    ).toBe(true);
  });
});

function shortSignature(): { message: Uint8Array; signature: Uint8Array } {
  for (let i = 0; i < 10_000; i++) {
    const message = utf8(`message ${i}`);
    const signature = openssl.sign('rsa-sha2-256', key, message);
    if (signature[0] === 0) return { message, signature };
  }
  throw new Error('no signature begins with a zero byte');
}

/** a^-1 mod p for a prime p, by Fermat: another way than the one under test. */
function modInverseByPower(a: bigint, p: bigint): bigint {
  let result = 1n;
  let base = a % p;
  for (let e = p - 2n; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * base) % p;
    base = (base * base) % p;
  }
  return result;
}
