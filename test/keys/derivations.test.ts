/**
 * Key derivations: the same as other people's, a few milliseconds at a time, and
 * no more of them than the limits allow.
 */
import { scryptSync } from 'node:crypto';
import { argon2d, argon2i, argon2id } from '@noble/hashes/argon2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { concatBytes, fromHex, toHex, utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { argon2 } from '../../src/keys/derivation/argon2.ts';
import { bcryptPbkdf } from '../../src/keys/derivation/bcrypt.ts';
import { derivationMemory } from '../../src/keys/derivation/derivationMemory.ts';
import { pbkdf2 } from '../../src/keys/derivation/pbkdf2.ts';
import { pkcs12Kdf } from '../../src/keys/derivation/pkcs12Kdf.ts';
import { scrypt } from '../../src/keys/derivation/scrypt.ts';
import { runSteps } from '../../src/keys/derivation/steps.ts';
import {
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSmallInteger,
} from '../../src/keys/pem/derWriter.ts';
import { encodePem } from '../../src/keys/pem/pem.ts';
import { rc2CbcDecrypt } from '../../src/keys/pem/rc2.ts';
import { rc4 } from '../../src/keys/pem/rc4.ts';
import { parsePrivateKey, parsePrivateKeyInSteps } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { failure } from './failure.ts';
import { fixture, passphrase } from './fixtures.ts';
import { itWith, run, withFile } from './programs.ts';

// The memory itself stays at hand, for it is to be looked at afterwards.
vi.mock('../../src/keys/derivation/derivationMemory.ts', async (original) => {
  const real = await original<typeof import('../../src/keys/derivation/derivationMemory.ts')>();
  return { ...real, derivationMemory: vi.fn(real.derivationMemory) };
});

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const secret = utf8Encode('a passphrase');
const salt = new Uint8Array(16).fill(7);

/** How often work is interrupted. */
function stepsOf(work: Generator<void, unknown>): number {
  let count = 0;
  while (work.next().done !== true) count++;
  return count;
}

describe('Argon2', () => {
  const reference = { Argon2d: argon2d, Argon2i: argon2i, Argon2id: argon2id } as const;

  it('equals that of @noble/hashes for every type, shape and length', () => {
    const shapes = fc.record({
      type: fc.constantFrom('Argon2d' as const, 'Argon2i' as const, 'Argon2id' as const),
      parallelism: fc.integer({ min: 1, max: 5 }),
      extra: fc.nat(600),
      passes: fc.integer({ min: 1, max: 3 }),
      length: fc.integer({ min: 4, max: 200 }),
      pass: bytes(40),
      salt: fc.uint8Array({ minLength: 8, maxLength: 40 }),
    });
    fc.assert(
      fc.property(shapes, ({ type, parallelism, extra, passes, length, pass, salt: given }) => {
        const memory = 8 * parallelism + extra;
        const expected = reference[type](pass, given, {
          m: memory,
          t: passes,
          p: parallelism,
          dkLen: length,
        });
        const derived = runSteps(argon2(pass, given, { type, memory, passes, parallelism }, length));
        expect(toHex(derived)).toBe(toHex(expected));
      }),
      { numRuns: 40 },
    );
  });

  it('stops after every 256 blocks, and after the beginning of each lane', () => {
    const parameters = { type: 'Argon2id', memory: 2048, passes: 2, parallelism: 4 } as const;
    // Two blocks of each lane are the beginning; the rest of the first pass and all of the second follow.
    const blocks = 2 * 2048 - 2 * 4;
    expect(stepsOf(argon2(secret, salt, parameters, 32))).toBe(4 + Math.floor(blocks / 256));
  });

  it('overwrites its memory in pieces of 4 MiB', () => {
    const small = { type: 'Argon2d', memory: 4096, passes: 1, parallelism: 1 } as const;
    const large = { ...small, memory: 12 * 1024 };
    const blocks = (memory: number): number => Math.floor((memory - 2) / 256);
    expect(stepsOf(argon2(secret, salt, small, 32))).toBe(1 + blocks(4096));
    expect(stepsOf(argon2(secret, salt, large, 32))).toBe(1 + blocks(12 * 1024) + 2);
  });
});

describe('scrypt', () => {
  it('equals that of OpenSSL for every shape and length', () => {
    const shapes = fc.record({
      power: fc.integer({ min: 1, max: 8 }),
      blockSize: fc.integer({ min: 1, max: 9 }),
      parallelization: fc.integer({ min: 1, max: 4 }),
      length: fc.integer({ min: 1, max: 100 }),
      pass: bytes(40),
      salt: bytes(40),
    });
    fc.assert(
      fc.property(shapes, ({ power, blockSize, parallelization, length, pass, salt: given }) => {
        const cost = 2 ** power;
        const expected = scryptSync(pass, given, length, { N: cost, r: blockSize, p: parallelization });
        const derived = runSteps(scrypt(pass, given, { cost, blockSize, parallelization }, length));
        expect(toHex(derived)).toBe(expected.toString('hex'));
      }),
      { numRuns: 40 },
    );
  });

  // RFC 7914 §12.
  it('has the results of RFC 7914', () => {
    const [pass, given] = [utf8Encode('password'), utf8Encode('NaCl')];
    const derived = runSteps(scrypt(pass, given, { cost: 1024, blockSize: 8, parallelization: 16 }, 64));
    expect(toHex(derived)).toBe(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
        '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
    );
  });

  it.each([
    ['many blocks', { cost: 4096, blockSize: 8, parallelization: 1 }, 16],
    ['long blocks', { cost: 16, blockSize: 1024, parallelization: 1 }, 16],
    ['many parts', { cost: 2, blockSize: 8, parallelization: 512 }, 16],
  ])('stops often where there are %s', (_, parameters, least) => {
    expect(stepsOf(scrypt(secret, salt, parameters, 32))).toBeGreaterThanOrEqual(least);
  });
});

describe('the other derivations', () => {
  it('stop often: PBKDF2 over iterations and over the blocks of a long key', () => {
    expect(stepsOf(pbkdf2(sha256, secret, salt, 5120, 32))).toBe(10);
    expect(stepsOf(pbkdf2(sha256, secret, salt, 1, 32 * 5120))).toBe(10);
  });

  it('stop often: bcrypt in each hash, that of PKCS#12 in each block', () => {
    expect(stepsOf(bcryptPbkdf(secret, salt, 3, 48))).toBe(4 * 2 * 3);
    expect(stepsOf(pkcs12Kdf(1, secret, salt, 10_241, 24))).toBe(2 * 5);
  });

  itWith('openssl', 'open what openssl pkcs8 -v1 writes, whatever the passphrase and the iterations', () => {
    const key = parsePrivateKey(fixture('ecdsa256/pkcs8.pem')).privateKey;
    const secrets = ['x', 'pässwörd ключ 🔑', 'long '.repeat(40).trim()];
    const schemes = ['PBE-SHA1-3DES', 'PBE-SHA1-2DES'];
    for (const given of secrets) {
      for (const [i, scheme] of schemes.entries()) {
        const args = ['-topk8', '-v1', scheme, '-iter', String(1 + 3000 * i)];
        const text = withFile(`${given}\n`, (file) =>
          run('openssl', ['pkcs8', ...args, '-passout', `file:${file}`], fixture('ecdsa256/pkcs8.pem')),
        );
        expect(parsePrivateKey(text, { passphrase: given }).privateKey).toEqual(key);
        expect(failure(() => parsePrivateKey(text, { passphrase: `${given}.` })).code).toBe(
          'ERR_SSH_KEY_PASSPHRASE',
        );
      }
    }
  });
});

describe('a key file that is given up at any step', () => {
  it.each([
    'ed25519/openssh-aes256-ctr.enc',
    'rsa/pkcs8-hmacWithSHA512.enc.pem',
    'rsa/pkcs8-scrypt.enc.pem',
    'ecdsa256/putty-3.enc.ppk',
  ])('is worked on no further, and what was derived is overwritten: %s', (path) => {
    const begin = (): ReturnType<typeof parsePrivateKeyInSteps> =>
      parsePrivateKeyInSteps(fixture(path), { passphrase });
    const count = stepsOf(begin());
    expect(count).toBeGreaterThan(0);
    for (let at = 1; at <= count; at++) {
      const memory = vi.mocked(derivationMemory).mockClear();
      const work = begin();
      for (let step = 0; step < at; step++) expect(work.next().done).toBe(false);
      expect(work.return(undefined as never)).toEqual({ done: true, value: undefined });
      expect(work.next()).toEqual({ done: true, value: undefined });
      for (const { value } of memory.mock.results) {
        expect((value as Int32Array).every((word) => word === 0)).toBe(true);
      }
    }
  });
});

describe('ciphers of old key files', () => {
  // RFC 2268 §5, those whose effective bits are the key's own.
  it.each([
    ['ffffffffffffffff', 'ffffffffffffffff', '278b27e42e2f0d49'],
    ['3000000000000000', '1000000000000001', '30649edf9be7d2c2'],
    ['88bca90e90875a7f0f79c384627bafb2', '0000000000000000', '2269552ab0f85ca6'],
  ])('RC2 decrypts with the key %s', (key, text, sealed) => {
    const iv = new Uint8Array(8);
    expect(toHex(rc2CbcDecrypt(fromHex(key), iv, fromHex(sealed)))).toBe(text);
    // In CBC mode the block before is added, the first time the initialization vector.
    const twice = rc2CbcDecrypt(fromHex(key), fromHex('0102030405060708'), fromHex(sealed + sealed));
    expect(toHex(twice)).toBe(
      toHex(
        concatBytes(xor(fromHex(text), fromHex('0102030405060708')), xor(fromHex(text), fromHex(sealed))),
      ),
    );
  });

  // RFC 6229 §2, the first 16 bytes.
  it.each([
    ['0102030405', 'b2396305f03dc027ccc3524a0a1118a8'],
    ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b97'],
  ])('RC4 has its keystream for the key %s', (key, stream) => {
    expect(toHex(rc4(fromHex(key), new Uint8Array(16)))).toBe(stream);
  });

  function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
    return a.map((byte, i) => byte ^ (b[i] as number));
  }
});

const pbes2 = '1.2.840.113549.1.5.13';

/** An encrypted PKCS#8 file whose key derivation is given; its ciphertext is nonsense. */
function pkcs8(derivation: Uint8Array): string {
  const cipher = derSequence(
    derObjectIdentifier('2.16.840.1.101.3.4.1.42'),
    derOctetString(new Uint8Array(16)),
  );
  const scheme = derSequence(derObjectIdentifier(pbes2), derSequence(derivation, cipher));
  return encodePem('ENCRYPTED PRIVATE KEY', derSequence(scheme, derOctetString(new Uint8Array(32))));
}

function withPbkdf2(iterations: number, hash: string): string {
  const parameters = [derOctetString(salt), derSmallInteger(iterations)];
  const prf = derSequence(derObjectIdentifier(hash), derNull());
  return pkcs8(derSequence(derObjectIdentifier('1.2.840.113549.1.5.12'), derSequence(...parameters, prf)));
}

function withScrypt(...parameters: readonly number[]): string {
  const fields = derSequence(derOctetString(salt), ...parameters.map(derSmallInteger));
  return pkcs8(derSequence(derObjectIdentifier('1.3.6.1.4.1.11591.4.11'), fields));
}

function withOldScheme(iterations: number): string {
  const parameters = derSequence(derOctetString(salt), derSmallInteger(iterations));
  const scheme = derSequence(derObjectIdentifier('1.2.840.113549.1.12.1.3'), parameters);
  return encodePem('ENCRYPTED PRIVATE KEY', derSequence(scheme, derOctetString(new Uint8Array(32))));
}

function withArgon2(memory: number, passes: number, lanes: number): string {
  return fixture('ed25519/putty-3.enc.ppk')
    .replace(/Argon2-Memory: .*/, `Argon2-Memory: ${memory}`)
    .replace(/Argon2-Passes: .*/, `Argon2-Passes: ${passes}`)
    .replace(/Argon2-Parallelism: .*/, `Argon2-Parallelism: ${lanes}`);
}

/** The error of a file before any work is done on it; undefined for one that is worked on. */
function refusal(text: string, limits = {}): string | undefined {
  const steps = parsePrivateKeyInSteps(text, { passphrase, limits });
  try {
    // In a process that counts, what is given up is overwritten.
    for (let step = steps.next(); step.done !== true; step = steps.return(undefined as never));
    return undefined;
  } catch (error) {
    const { code, message } = error as { readonly code: string; readonly message: string };
    expect(code).toBe('ERR_SSH_KEY_UNSUPPORTED');
    return message;
  }
}

const [sha1Prf, sha256Prf, sha512Prf] = [7, 9, 11].map((n) => `1.2.840.113549.2.${n}`) as [
  string,
  string,
  string,
];

describe('a key file that asks for more than some two seconds of a desktop', () => {
  it.each([
    ['PBKDF2 with SHA-256', (n: number) => withPbkdf2(n, sha256Prf), 1_000_000],
    // A key of 32 bytes is two hashes of SHA-1.
    ['PBKDF2 with SHA-1', (n: number) => withPbkdf2(n, sha1Prf), 500_000],
    ['PBKDF2 with SHA-512', (n: number) => withPbkdf2(n, sha512Prf), 500_000],
    ['a scheme of PKCS#12', withOldScheme, 1_000_000],
    ['passes of Argon2', (n: number) => withArgon2(1024, n, 1), 511],
    ['memory of Argon2', (n: number) => withArgon2(n, 1, 1), 524_224],
    ['lanes of Argon2', (n: number) => withArgon2(8 * n, 8, n), 4096],
    ['passes of scrypt', (n: number) => withScrypt(1024, 8, n), 252],
    ['parts of scrypt', (n: number) => withScrypt(2, 8, n), 14_563],
    ['blocks of scrypt', (n: number) => withScrypt(16, n, 1), 65_536],
  ])('by %s is refused before any work, and one with a little less is not', (_, file, most) => {
    expect(refusal(file(most))).toBeUndefined();
    expect(refusal(file(most + 1))).toMatch(/asks for .* to derive its key; .* are allowed.* limits\./);
  });

  it('is read where the limits are set higher', () => {
    expect(refusal(withPbkdf2(3_000_000, sha256Prf), { pbkdf2Iterations: 3_000_000 })).toBeUndefined();
    expect(refusal(withArgon2(1024, 600, 1), { argon2Work: 1024 * 601 })).toBeUndefined();
    expect(refusal(withScrypt(1024, 8, 300), { scryptWork: 1040 * 300 })).toBeUndefined();
    expect(refusal(withPbkdf2(1001, sha256Prf), { pbkdf2Iterations: 1000 })).toMatch(/1000 of that kind/);
  });

  it('holds a gibibyte at most, however high the limits are', () => {
    const limits = { argon2Work: 1024 ** 3, scryptWork: 1024 ** 3 };
    expect(refusal(withArgon2(1024 ** 2 + 1, 1, 1), limits)).toMatch(/KiB of memory/);
    expect(refusal(withScrypt(2 ** 21, 8, 1), limits)).toMatch(/KiB of memory/);
  });

  it('leaves nothing in memory once it is read', () => {
    for (const path of ['rsa/pkcs8-scrypt.enc.pem', 'ecdsa256/putty-3.enc.ppk']) {
      const memory = vi.mocked(derivationMemory).mockClear();
      parsePrivateKey(fixture(path), { passphrase });
      expect(memory.mock.results).toHaveLength(1);
      const [words] = memory.mock.results.map(({ value }) => value as Int32Array);
      expect(words?.every((word) => word === 0)).toBe(true);
    }
  });

  it('fails with a typed error where the machine has not that much memory', () => {
    const error = failure(() => derivationMemory(2 ** 40));
    expect(error.code).toBe('ERR_SSH_KEY_UNSUPPORTED');
    expect(error.message).toMatch(/which this process cannot get/);
  });

  it('is not one that PuTTYgen or ssh-keygen writes unasked', () => {
    // 55 passes over 8 MiB are what PuTTYgen finds on the fastest machines of today, 24 rounds OpenSSH's default.
    expect(defaultLimits.argon2Work).toBeGreaterThan(8192 * 55 + 64);
    expect(defaultLimits.bcryptRounds).toBeGreaterThan(24 * 8);
    expect(refusal(withPbkdf2(600_000, sha256Prf))).toBeUndefined();
    expect(refusal(withScrypt(16_384, 8, 1))).toBeUndefined();
  });
});
