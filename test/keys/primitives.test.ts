import { createCipheriv, createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { tripleDesCbcDecrypt, tripleDesCbcEncrypt } from '../../src/crypto/handwritten/des.ts';
import { bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import { Blowfish, piWords, scheduleWords } from '../../src/keys/derivation/blowfish.ts';
import { pbkdf2 } from '../../src/keys/derivation/pbkdf2.ts';
import { runSteps } from '../../src/keys/derivation/steps.ts';
import { nobleArithmetic } from '../../src/keys/nobleArithmetic.ts';
import { addPadding, viewUnpadded } from '../../src/keys/padding.ts';
import { base64Decode, base64Encode, base64Lines } from '../../src/keys/pem/base64.ts';
import { DerReader } from '../../src/keys/pem/der.ts';
import {
  derBitString,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSmallInteger,
} from '../../src/keys/pem/derWriter.ts';
import { toFixedLength, toMagnitude } from '../../src/keys/pem/numbers.ts';
import { failure } from './failure.ts';
import { opensslArithmetic } from './opensslArithmetic.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const plain = (value: Uint8Array): Uint8Array => new Uint8Array(value);

describe('base64', () => {
  it('equals that of Node, and decoding is its inverse', () => {
    fc.assert(
      fc.property(bytes(200), (value) => {
        expect(base64Encode(value)).toBe(Buffer.from(value).toString('base64'));
        expect(base64Decode(base64Encode(value))).toEqual(plain(value));
      }),
    );
  });

  it('has one spelling for each value: a text that decodes is what encoding gives', () => {
    const character = fc.constantFrom(...'ABCDghij0189+/=-_ \n');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        const value = base64Decode(text);
        if (value !== undefined) expect(base64Encode(value)).toBe(text);
      }),
    );
  });

  it.each(['A', 'AA', 'AAA', 'AA=A', 'A===', '====', 'AB==', 'AAB=', 'AA A', 'AAA\u0100', 'AA=='.repeat(2)])(
    'refuses %j',
    (text) => {
      expect(base64Decode(text)).toBeUndefined();
    },
  );

  it('breaks lines where it is told', () => {
    expect(base64Lines(new Uint8Array(9), 8)).toBe('AAAAAAAA\nAAAA\n');
  });
});

describe('DER', () => {
  it('of what key files consist of is read back as written', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 1n << 600n }),
        bytes(300),
        fc.nat(0x7fffffff),
        (n, content, small) => {
          const written = derSequence(
            derInteger(toMagnitude(n)),
            derOctetString(content),
            derSmallInteger(small),
            derBitString(content),
            derObjectIdentifier('1.2.840.113549.1.1.1'),
          );
          const file = new DerReader(written);
          const fields = file.sequence();
          file.end();
          expect(bytesToBigInt(fields.viewInteger())).toBe(n);
          expect(plain(fields.copyOctetString())).toEqual(plain(content));
          expect(fields.smallInteger()).toBe(small);
          expect(plain(fields.viewBitString())).toEqual(plain(content));
          expect(fields.objectIdentifier()).toBe('1.2.840.113549.1.1.1');
          fields.end();
        },
      ),
    );
  });

  // X.690 §8.19.5 has the encoding of 2.999.3.
  it.each([
    ['2.999.3', '0603883703'],
    ['1.3.101.112', '06032b6570'],
    ['1.2.840.10045.3.1.7', '06082a8648ce3d030107'],
  ])('writes and reads the object identifier %s', (identifier, hex) => {
    expect(new DerReader(fromHex(hex)).objectIdentifier()).toBe(identifier);
    if (!identifier.startsWith('2.999')) expect(toHex(derObjectIdentifier(identifier))).toBe(hex);
  });

  it.each([
    ['an indefinite length without its end', '3080020100'],
    ['an indefinite length with half an end', '308002010000'],
    ['a value cut off', '300502'],
    ['a value cut off in an indefinite length', '308002020000'],
    ['a length cut off', '3082'],
    ['a length cut off behind its first byte', '308201'],
    ['nothing', ''],
    ['an enormous length', '3084ffffffff00'],
    ['a length that no number holds', `30fe${'ff'.repeat(126)}`],
    ['the reserved length', `30ff${'00'.repeat(200)}`],
    ['another tag', '31030201'],
  ])('refuses %s for a SEQUENCE', (_, hex) => {
    expect(failure(() => new DerReader(fromHex(hex)).sequence()).code).toBe('ERR_SSH_KEY_FORMAT');
  });

  it.each([
    ['the short form', '3003020105'],
    ['a long form', '308103020105'],
    ['a long form with a zero in front', '30820003020105'],
    ['a long form with many zeros in front', `30fe${'00'.repeat(125)}03020105`],
    ['an indefinite form', '30800201050000'],
  ])('takes a length in %s for a SEQUENCE', (_, hex) => {
    const file = new DerReader(fromHex(`${hex}0500`));
    const fields = file.sequence();
    expect(fields.smallInteger()).toBe(5);
    fields.end();
    file.optionalNull();
    file.end();
  });

  it.each([
    ['020100', ''],
    ['0201ff', 'ff'],
    ['02020001', '01'],
    ['020400000080', '80'],
  ])('takes the INTEGER %s for the magnitude %s', (hex, magnitude) => {
    expect(toHex(new DerReader(fromHex(hex)).viewInteger())).toBe(magnitude);
  });

  it('refuses an INTEGER that is empty', () => {
    expect(failure(() => new DerReader(fromHex('0200')).viewInteger()).code).toBe('ERR_SSH_KEY_FORMAT');
  });

  it.each([
    ['in one piece', '0403010203', '010203'],
    ['in pieces', '240704010104020203', '010203'],
    ['in pieces of an indefinite length', '24800401010402020300000500', '010203'],
    ['in pieces of pieces', '2409240304010104020203', '010203'],
    ['in no piece', '2400', ''],
  ])('takes an OCTET STRING %s', (_, hex, content) => {
    expect(toHex(new DerReader(fromHex(hex)).copyOctetString())).toBe(content);
  });

  it.each([
    ['of something else', '2403020101'],
    ['that go on behind its end', '2403040201'],
    [
      'nested too deep',
      Array.from({ length: 20 }).reduce<string>(
        (inner) => `24${(inner.length / 2).toString(16).padStart(2, '0')}${inner}`,
        '040101',
      ),
    ],
    ['of indefinite lengths nested too deep', `${'2480'.repeat(20)}040101${'0000'.repeat(20)}`],
  ])('refuses an OCTET STRING in pieces %s', (_, hex) => {
    expect(failure(() => new DerReader(fromHex(hex)).copyOctetString()).code).toBe('ERR_SSH_KEY_FORMAT');
  });

  it('refuses an indefinite length of what has no parts', () => {
    expect(failure(() => new DerReader(fromHex('04800000')).copyOctetString()).message).toMatch(/no parts/);
  });

  it.each([['0600'], ['060180'], ['06022b86'], ['06032b8001'], ['06082bffffffffffff7f']])(
    'refuses the object identifier %s',
    (hex) => {
      expect(failure(() => new DerReader(fromHex(hex)).objectIdentifier()).code).toBe('ERR_SSH_KEY_FORMAT');
    },
  );

  it('refuses integers beyond 31 bits where a small one is wanted', () => {
    expect(failure(() => new DerReader(fromHex('02050080000000')).smallInteger()).code).toBe(
      'ERR_SSH_KEY_FORMAT',
    );
    expect(failure(() => new DerReader(fromHex('02050100000000')).smallInteger()).code).toBe(
      'ERR_SSH_KEY_FORMAT',
    );
  });
});

describe('numbers', () => {
  it('survive the way there and back, and padding', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 520n }), (n) => {
        expect(bytesToBigInt(toMagnitude(n))).toBe(n);
        expect(bytesToBigInt(toFixedLength(toMagnitude(n), 66) ?? new Uint8Array(0))).toBe(n);
      }),
    );
    expect(toFixedLength(Uint8Array.of(1, 2, 3), 2)).toBeUndefined();
    expect(toFixedLength(Uint8Array.of(0, 2, 3), 2)).toEqual(Uint8Array.of(2, 3));
  });
});

describe('padding of PKCS#7', () => {
  it('comes off as it went on, and is always there', () => {
    fc.assert(
      fc.property(bytes(64), fc.constantFrom(8, 16), (text, blockSize) => {
        const padded = addPadding(text, blockSize);
        expect(padded.length % blockSize).toBe(0);
        expect(padded.length).toBeGreaterThan(text.length);
        expect(viewUnpadded(padded, blockSize)?.slice()).toEqual(plain(text));
      }),
    );
  });

  it.each(['', '0000000000000000', '0000000000000009', '0000000000000302', '0202020202020203'])(
    'is refused: %s',
    (hex) => {
      expect(viewUnpadded(fromHex(hex), 8)).toBeUndefined();
    },
  );
});

describe('Triple DES in CBC mode', () => {
  it('equals that of OpenSSL', () => {
    const blocks = fc.nat(8).chain((n) => exactly(8 * n));
    fc.assert(
      fc.property(exactly(24), exactly(8), blocks, (key, iv, text) => {
        const cipher = createCipheriv('des-ede3-cbc', key, iv).setAutoPadding(false);
        const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
        expect(plain(tripleDesCbcEncrypt(key, iv, text))).toEqual(plain(sealed));
        const decipher = createDecipheriv('des-ede3-cbc', key, iv).setAutoPadding(false);
        expect(plain(tripleDesCbcDecrypt(key, iv, text))).toEqual(
          plain(Buffer.concat([decipher.update(text), decipher.final()])),
        );
      }),
    );
  });
});

describe('Blowfish', () => {
  it('starts from the digits of pi, as another series gives them', () => {
    // Machin: pi = 16 arctan(1/5) - 4 arctan(1/239), 64 bits more than needed.
    const bits = 32n * 1042n;
    const one = 1n << (bits + 64n);
    const arctan = (x: bigint): bigint => {
      let sum = 0n;
      let power = one / x;
      for (let k = 1n, sign = 1n; power !== 0n; k += 2n, sign = -sign, power /= x * x)
        sum += (sign * power) / k;
      return sum;
    };
    const fraction = ((16n * arctan(5n) - 4n * arctan(239n)) >> 64n) - (3n << bits);
    const words = piWords(1042);
    let joined = 0n;
    for (const word of words) joined = (joined << 32n) | BigInt(word);
    expect(joined).toBe(fraction);
  });

  // Blowfish test vectors by E. Young, published by B. Schneier with the algorithm.
  it.each([
    ['0000000000000000', '0000000000000000', '4ef997456198dd78'],
    ['ffffffffffffffff', 'ffffffffffffffff', '51866fd5b85ecb8a'],
    ['0123456789abcdef', '1111111111111111', '61f9c3802281b096'],
    ['fedcba9876543210', '0123456789abcdef', '0aceab0fc6a0a28d'],
  ])('encrypts with the key %s', (key, text, sealed) => {
    const state = new Blowfish();
    state.expand(scheduleWords(fromHex(key)));
    const words = scheduleWords(fromHex(text));
    state.encryptWords(words, 0);
    expect([...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')).toBe(sealed);
  });
});

describe('PBKDF2', () => {
  it('equals that of OpenSSL', () => {
    const hashes = fc.constantFrom(
      ['sha1', sha1] as const,
      ['sha256', sha256] as const,
      ['sha512', sha512] as const,
    );
    fc.assert(
      fc.property(
        hashes,
        bytes(150),
        bytes(40),
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 80 }),
        (hash, pass, salt, rounds, length) => {
          const expected = pbkdf2Sync(pass, salt, rounds, length, hash[0]);
          expect(plain(runSteps(pbkdf2(hash[1], pass, salt, rounds, length)))).toEqual(plain(expected));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('arithmetic on curves', () => {
  const curve = fc.constantFrom(
    ['nistp256', 32] as const,
    ['nistp384', 48] as const,
    ['nistp521', 66] as const,
  );

  it('equals that of OpenSSL', () => {
    fc.assert(
      fc.property(exactly(32), (seed) => {
        expect(plain(nobleArithmetic.ed25519PublicKey(seed))).toEqual(
          opensslArithmetic.ed25519PublicKey(seed),
        );
      }),
      { numRuns: 20 },
    );
    const scalars = curve.chain(([name, length]) => fc.tuple(fc.constant(name), exactly(length)));
    fc.assert(
      fc.property(scalars, ([name, scalar]) => {
        if (name === 'nistp521') scalar[0] = (scalar[0] as number) & 1;
        const point = nobleArithmetic.ecPublicKey(name, scalar);
        expect(point === undefined ? undefined : plain(point)).toEqual(
          opensslArithmetic.ecPublicKey(name, scalar),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('has no public half for 0 and for numbers from the order on', () => {
    fc.assert(
      fc.property(curve, ([name, length]) => {
        expect(nobleArithmetic.ecPublicKey(name, new Uint8Array(length))).toBeUndefined();
        expect(nobleArithmetic.ecPublicKey(name, new Uint8Array(length).fill(0xff))).toBeUndefined();
      }),
      { numRuns: 6 },
    );
  });
});
