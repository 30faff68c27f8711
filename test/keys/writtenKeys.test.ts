import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrivateKey, RsaPrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { bitLength } from '../../src/crypto/keys/publicKey.ts';
import * as entry from '../../src/entry/keys.ts';
import { runSteps } from '../../src/keys/derivation/steps.ts';
import { fingerprint } from '../../src/keys/fingerprint.ts';
import { generateKey, generateKeyInSteps } from '../../src/keys/generation/generateKey.ts';
import { isProbablePrime } from '../../src/keys/generation/rsaGeneration.ts';
import { sshFileCiphers } from '../../src/keys/openssh/sshCiphers.ts';
import { decodePem } from '../../src/keys/pem/pem.ts';
import { parsePkcs1 } from '../../src/keys/pem/pkcs.ts';
import type { FormatPrivateKeyOptions } from '../../src/keys/privateKey/formatPrivateKey.ts';
import { formatPrivateKey, formatPrivateKeyInSteps } from '../../src/keys/privateKey/formatPrivateKey.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey, privateKeySteps } from '../../src/keys/privateKey/privateKeyFile.ts';
import { protectedFormats } from '../../src/keys/privateKey/protectedFormats.ts';
import { parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import { comments, privateKeys } from './arbitraries.ts';
import { failure, testBytes } from './failure.ts';
import { fixture, passphrase } from './fixtures.ts';
import { opensslArithmetic } from './opensslArithmetic.ts';
import { itWith, run, withFile } from './programs.ts';

const ciphers = Object.keys(sshFileCiphers) as (keyof typeof sshFileCiphers)[];
const randomBytes = testBytes(1);
const keys: readonly (readonly [string, PrivateKey])[] = [
  'ed25519',
  'ecdsa256',
  'ecdsa384',
  'ecdsa521',
  'rsa',
].map((folder) => [folder, parsePrivateKey(fixture(`${folder}/openssh`)).privateKey]);

const read = (text: string, secret?: string) =>
  runSteps(
    privateKeySteps(
      text,
      { passphrase: secret },
      { arithmetic: opensslArithmetic, formats: protectedFormats },
    ),
  );

describe('a private key that is written is read back', () => {
  const encryption: fc.Arbitrary<Partial<FormatPrivateKeyOptions>> = fc.oneof(
    fc.constant({}),
    fc.record({
      passphrase: fc.string({ minLength: 1 }),
      cipher: fc.constantFrom(...ciphers),
      rounds: fc.constant(1),
    }),
  );

  it('in the format of OpenSSH, with every cipher', () => {
    fc.assert(
      fc.property(privateKeys, encryption, comments, fc.integer(), (key, options, comment, seed) => {
        const text = formatPrivateKey(key, { ...options, comment, randomBytes: testBytes(seed) });
        const file = read(text, options.passphrase as string | undefined);
        expect(file).toEqual({ privateKey: key, publicKey: key.publicKey, comment });
        expect(describePrivateKey(text)).toEqual({
          format: 'openssh',
          encrypted: options.passphrase !== undefined,
          publicKey: key.publicKey,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('in PKCS#8 and PEM', () => {
    const format = fc.constantFrom('pkcs8', 'pem');
    fc.assert(
      fc.property(
        privateKeys,
        format,
        fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
        (key, chosen, secret) => {
          fc.pre(chosen === 'pkcs8' || key.type !== 'ssh-ed25519');
          const rounds = chosen === 'pkcs8' ? 3 : undefined;
          const text = formatPrivateKey(key, { format: chosen, passphrase: secret, rounds, randomBytes });
          expect(read(text, secret).privateKey).toEqual(key);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('as the very file that ssh-keygen and OpenSSL write, where nothing in it is random', () => {
    for (const [folder, key] of keys) {
      if (folder === 'ed25519') continue;
      expect(formatPrivateKey(key, { format: 'pkcs8', randomBytes })).toBe(fixture(`${folder}/pkcs8.pem`));
      const pem = folder === 'rsa' ? 'pkcs1' : 'sec1';
      expect(formatPrivateKey(key, { format: 'pem', randomBytes })).toBe(fixture(`${folder}/${pem}.pem`));
    }
    const ed25519 = fixture('ed25519-openssl/pkcs8.pem');
    expect(formatPrivateKey(read(ed25519).privateKey, { format: 'pkcs8', randomBytes })).toBe(ed25519);
  });

  it('and so in OpenSSH format, given the same check number', () => {
    for (const [folder, key] of keys) {
      const file = fixture(`${folder}/openssh`);
      const { bytes } = decodePem(file, 'OPENSSH PRIVATE KEY');
      // The private section of these files begins with its check number, right behind the public half.
      const type = new TextEncoder().encode(key.type);
      const at = Buffer.from(bytes).lastIndexOf(Buffer.from(type)) - 8;
      const comment = read(file).comment;
      expect(formatPrivateKey(key, { comment, randomBytes: () => bytes.slice(at, at + 4) })).toBe(file);
    }
  });
});

describe('programs that read what is written', () => {
  const variants: readonly Omit<FormatPrivateKeyOptions, 'randomBytes'>[] = [
    {},
    { passphrase, rounds: 1 },
    { format: 'pkcs8' },
    { format: 'pkcs8', passphrase },
    { format: 'pem' },
    { format: 'pem', passphrase },
  ];

  itWith('ssh-keygen', 'ssh-keygen, every type and format', () => {
    for (const [, key] of keys) {
      for (const options of variants) {
        // ssh-keygen 9.2 reads Ed25519 in its own format only.
        if (key.type === 'ssh-ed25519' && options.format !== undefined) continue;
        expectPublicHalf(formatPrivateKey(key, { ...options, randomBytes }), options.passphrase, key);
      }
    }
  });

  itWith('ssh-keygen', 'ssh-keygen, every cipher', () => {
    const key = (keys[0] as (typeof keys)[number])[1];
    for (const cipher of ciphers) {
      expectPublicHalf(
        formatPrivateKey(key, { passphrase, cipher, rounds: 2, randomBytes }),
        passphrase,
        key,
      );
    }
  });

  itWith('ssh-keygen', 'ssh-keygen, a passphrase beyond ASCII, and bytes at its end', () => {
    const key = (keys[0] as (typeof keys)[number])[1];
    for (const secret of ['pässwörd ✓', ' blank ', 'x'.repeat(300)]) {
      expectPublicHalf(formatPrivateKey(key, { passphrase: secret, rounds: 1, randomBytes }), secret, key);
    }
  });

  const ofSeed = (seed: Uint8Array): PrivateKey =>
    generateKey('ed25519', { randomBytes: () => seed, arithmetic: opensslArithmetic });
  const ofScalar = (bits: number, length: number, tail: readonly number[]): PrivateKey => {
    const scalar = new Uint8Array(length);
    scalar.set(tail, length - tail.length);
    return generateKey('ecdsa', { bits, randomBytes: () => scalar, arithmetic: opensslArithmetic });
  };
  /** Private halves with zeros where formats drop them. */
  const short: readonly PrivateKey[] = [
    ofSeed(Uint8Array.from({ length: 32 }, (_, i) => (i < 29 ? i + 1 : 0))),
    ofSeed(Uint8Array.from({ length: 32 }, (_, i) => (i < 3 ? 0 : i))),
    ofScalar(256, 32, [1]),
    ofScalar(384, 48, [0x80, 1, 2]),
    ofScalar(521, 66, new Array<number>(60).fill(0xff)),
  ];

  it('and those that lose zeros are read back all the same', () => {
    for (const key of short) {
      for (const { passphrase: secret, ...options } of variants) {
        if (options.format === 'pem' && key.type === 'ssh-ed25519') continue;
        const rounds = options.format === 'pem' ? undefined : 1;
        const text = formatPrivateKey(key, { ...options, passphrase: secret, rounds, randomBytes });
        expect(read(text, passphrase).privateKey).toEqual(key);
      }
    }
  });

  itWith('puttygen', 'puttygen, whose files of such keys are read', () => {
    for (const key of short) {
      const ppk = withFile(formatPrivateKey(key, { randomBytes, comment: 'short' }), (path) => {
        run('puttygen', [path, '-O', 'private', '-o', `${path}.ppk`]);
        return readFileSync(`${path}.ppk`, 'utf8');
      });
      expect(read(ppk)).toEqual({ privateKey: key, publicKey: key.publicKey, comment: 'short' });
    }
  });

  itWith('openssl', 'openssl, PKCS#8 and PEM', () => {
    for (const [, key] of keys) {
      for (const options of variants) {
        if (options.format === undefined || (options.format === 'pem' && key.type === 'ssh-ed25519'))
          continue;
        const text = formatPrivateKey(key, { ...options, randomBytes });
        const pem = withFile(text, (path) =>
          run('openssl', ['pkey', '-in', path, '-passin', `pass:${passphrase}`, '-pubout']),
        );
        expect(parsePublicKey(pem).publicKey).toEqual(key.publicKey);
      }
    }
  });

  itWith('puttygen', 'puttygen, the format of OpenSSH', () => {
    for (const [, key] of keys) {
      const listed = withFile(formatPrivateKey(key, { randomBytes }), (path) =>
        run('puttygen', [path, '-l']),
      );
      expect(listed).toContain(fingerprint(key.publicKey));
    }
  });

  function expectPublicHalf(text: string, secret: string | Uint8Array | undefined, key: PrivateKey): void {
    const line = withFile(text, (path) =>
      run('ssh-keygen', ['-y', '-P', (secret as string | undefined) ?? '', '-f', path]),
    );
    expect(parsePublicKey(line).publicKey).toEqual(key.publicKey);
  }
});

describe('writing a private key', () => {
  const [, ed25519] = keys[0] as (typeof keys)[number];

  it.each<[string, Omit<FormatPrivateKeyOptions, 'randomBytes'>]>([
    ['an empty passphrase', { passphrase: '' }],
    ['PEM for Ed25519', { format: 'pem' }],
    ['no rounds', { passphrase, rounds: 0 }],
    ['half a round', { passphrase, rounds: 1.5 }],
    ['a cipher that PKCS#8 has not', { format: 'pkcs8', passphrase, cipher: 'aes256-ctr' }],
    ['a cipher that OpenSSH has not', { passphrase, cipher: 'rot13' as 'aes256-ctr' }],
  ])('is refused for %s', (_, options) => {
    expect(failure(() => formatPrivateKey(ed25519, { ...options, randomBytes }))).toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      phase: 'options',
    });
  });

  it('with a cipher for PEM is refused', () => {
    const [, key] = keys[1] as (typeof keys)[number];
    const action = () =>
      formatPrivateKey(key, { format: 'pem', passphrase, cipher: 'aes256-cbc', randomBytes });
    expect(failure(action).code).toBe('ERR_SSH_OPTIONS');
  });

  it('leaves a passphrase as it was given, a Buffer too', () => {
    const secret = Buffer.from(passphrase);
    const text = formatPrivateKey(ed25519, { passphrase: secret, rounds: 1, randomBytes });
    expect(secret.toString()).toBe(passphrase);
    expect(read(text, passphrase).privateKey).toEqual(ed25519);
  });

  it('in steps stops four times in each hash of bcrypt', () => {
    const steps = formatPrivateKeyInSteps(ed25519, { passphrase, rounds: 3, randomBytes });
    expect([...steps]).toHaveLength(4 * 2 * 3);
  });
});

describe('a key that is made', () => {
  it.each<[entry.GeneratedKeyType, number | undefined, string]>([
    ['ed25519', undefined, 'ssh-ed25519'],
    ['ecdsa', undefined, 'ecdsa-sha2-nistp256'],
    ['ecdsa', 384, 'ecdsa-sha2-nistp384'],
    ['ecdsa', 521, 'ecdsa-sha2-nistp521'],
  ])('%s of %s bits is of the type %s, and another each time', (type, bits, name) => {
    const options = bits === undefined ? {} : { bits };
    const key = entry.generateKey(type, options);
    expect(key.type).toBe(name);
    expect(read(entry.formatPrivateKey(key)).privateKey).toEqual(key);
    expect(entry.generateKey(type, options).publicKey).not.toEqual(key.publicKey);
  });

  it('keeps no hold of the memory its random bytes came in', () => {
    for (const [type, length] of [
      ['ed25519', 32],
      ['ecdsa', 32],
    ] as const) {
      const memory = Buffer.alloc(length, 1);
      const key = generateKey(type, { randomBytes: () => memory });
      memory.fill(0);
      expect(read(formatPrivateKey(key, { randomBytes })).privateKey).toEqual(key);
    }
  });

  it('rsa, in TypeScript, has the bits asked for and is one OpenSSL takes', { timeout: 120_000 }, () => {
    const key = generateKey('rsa', { bits: 2048, randomBytes: testBytes(5) }) as RsaPrivateKey;
    expect(bitLength(key.publicKey.modulus)).toBe(2048);
    const pem = formatPrivateKey(key, { format: 'pkcs8', randomBytes });
    expect(createPrivateKey(pem).asymmetricKeyDetails).toMatchObject({
      modulusLength: 2048,
      publicExponent: 65_537n,
    });
    expect(read(pem).privateKey).toEqual(key);
  });

  it('rsa, in steps, goes on with the next number where one is not prime', () => {
    const steps = generateKeyInSteps('rsa', { bits: 2048, randomBytes: testBytes(6) });
    for (let i = 0; i < 3; i++) expect(steps.next().done).toBe(false);
    steps.return(undefined as never);
  });

  const byOpenssl = (bits: number): RsaPrivateKey => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
    const bytes = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs1' }));
    const rsaBounds = { rsaMinimumBits: 1024, rsaMaximumBits: 16_384 };
    return parsePkcs1(bytes, { arithmetic: opensslArithmetic, rsaBounds });
  };

  it('rsa, by a function of the caller, is checked', () => {
    const key = generateKey('rsa', { bits: 2048, randomBytes, generateRsa: byOpenssl });
    expect(read(formatPrivateKey(key, { randomBytes })).privateKey).toEqual(key);
    const wrong = (bits: number): RsaPrivateKey => ({ ...byOpenssl(bits), coefficient: Uint8Array.of(2) });
    expect(failure(() => generateKey('rsa', { bits: 2048, randomBytes, generateRsa: wrong })).code).toBe(
      'ERR_SSH_KEY_FORMAT',
    );
    const short = (): RsaPrivateKey => byOpenssl(1024);
    expect(failure(() => generateKey('rsa', { bits: 2048, randomBytes, generateRsa: short })).code).toBe(
      'ERR_SSH_KEY_UNSUPPORTED',
    );
  });

  it.each<[entry.GeneratedKeyType, number]>([
    ['ed25519', 512],
    ['ecdsa', 255],
    ['rsa', 1024],
    ['rsa', 2049],
    ['rsa', 32_768],
    ['dsa' as 'rsa', 1024],
  ])('%s of %d bits does not exist', (type, bits) => {
    expect(failure(() => generateKey(type, { bits, randomBytes })).code).toBe('ERR_SSH_OPTIONS');
  });
});

describe('the test for primes', () => {
  it('agrees with division on small numbers', () => {
    const isPrime = (n: number): boolean => {
      for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
      return true;
    };
    for (let n = 5; n < 2000; n += 2)
      expect(runSteps(isProbablePrime(BigInt(n), testBytes(n)))).toBe(isPrime(n));
  });

  it('is not deceived by Carmichael numbers nor by products of two primes', () => {
    for (const n of [561n, 41_041n, 825_265n, 321_197_185n, 5_394_826_801n, 3_215_031_751n]) {
      expect(runSteps(isProbablePrime(n, testBytes(3)))).toBe(false);
    }
    const mersenne = (1n << 521n) - 1n;
    expect(runSteps(isProbablePrime(mersenne, testBytes(4)))).toBe(true);
    expect(runSteps(isProbablePrime(mersenne * ((1n << 127n) - 1n), testBytes(4)))).toBe(false);
  });
});
