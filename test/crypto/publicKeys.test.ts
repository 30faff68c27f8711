/** Blobs of public keys of every type: read as they are written, and refused where a part does not fit. */
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import {
  decodePublicKey,
  decodeSignature,
  encodePublicKey,
  encodeSignature,
  type PublicKey,
} from '../../src/crypto/keys/publicKey.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { noise } from '../packet/support.ts';
import { codeOf, utf8 } from './support.ts';

const point = (length: number): Uint8Array => concatBytes(Uint8Array.of(4), noise(length - 1, length));
const odd = (length: number): Uint8Array => {
  const bytes = noise(length, length);
  bytes[0] = 0xc0;
  bytes[length - 1] = (bytes[length - 1] as number) | 1;
  return bytes;
};

const keys: readonly PublicKey[] = [
  { type: 'ssh-ed25519', point: noise(32, 1) },
  { type: 'ssh-ed448', point: noise(57, 1) },
  { type: 'ecdsa-sha2-nistp256', curve: 'nistp256', point: point(65) },
  { type: 'ecdsa-sha2-nistp384', curve: 'nistp384', point: point(97) },
  { type: 'ecdsa-sha2-nistp521', curve: 'nistp521', point: point(133) },
  { type: 'ssh-rsa', exponent: Uint8Array.of(1, 0, 1), modulus: odd(256) },
  { type: 'sk-ssh-ed25519@openssh.com', point: noise(32, 2), application: 'ssh:ü' },
  { type: 'sk-ecdsa-sha2-nistp256@openssh.com', curve: 'nistp256', point: point(65), application: 'ssh:' },
];

const refusal = (blob: Uint8Array): string => codeOf(() => decodePublicKey(blob));

describe.each(keys.map((key) => [key.type, key] as const))('a key of type %s', (type, key) => {
  it('is read as it is written', () => {
    expect(decodePublicKey(encodePublicKey(key))).toEqual(key);
  });

  it('with a byte too many, too few or cut off anywhere is malformed', () => {
    const blob = encodePublicKey(key);
    expect(refusal(concatBytes(blob, Uint8Array.of(0)))).toBe('ERR_SSH_DECODE');
    for (let length = 0; length < blob.length; length++) {
      expect(refusal(blob.subarray(0, length)), `${length} bytes`).toBe('ERR_SSH_DECODE');
    }
  });

  if ('point' in key) {
    it('has a point of its own length alone', () => {
      for (const length of [0, 1, key.point.length - 1, key.point.length + 1, 2 * key.point.length]) {
        const wrong = concatBytes(key.point, key.point).subarray(0, length);
        expect(refusal(encodePublicKey({ ...key, point: wrong })), `${length} bytes`).toBe('ERR_SSH_DECODE');
      }
    });
  }

  if ('curve' in key) {
    it('names its own curve, and has a point that is not compressed', () => {
      const other = key.curve === 'nistp384' ? 'nistp256' : 'nistp384';
      expect(refusal(encodePublicKey({ ...key, curve: other } as PublicKey))).toBe('ERR_SSH_DECODE');
      for (const form of [0, 2, 3, 6, 7]) {
        const wrong = key.point.slice();
        wrong[0] = form;
        expect(refusal(encodePublicKey({ ...key, point: wrong })), `form ${form}`).toBe('ERR_SSH_DECODE');
      }
    });
  }

  if ('application' in key) {
    it('is for an application that is text', () => {
      const { application: _, ...rest } = key;
      const whole = encodePublicKey({ ...rest, application: '' } as PublicKey);
      const blob = concatBytes(
        whole.subarray(0, whole.length - 4),
        new WireWriter().string(Uint8Array.of(0x73, 0xff)).copyWritten(),
      );
      expect(refusal(blob)).toBe('ERR_SSH_DECODE');
    });
  }

  it('is unknown under another name', () => {
    const behind = encodePublicKey(key).subarray(4 + type.length);
    const name = new WireWriter().text(`${type}x`).copyWritten();
    expect(refusal(concatBytes(name, behind))).toBe('ERR_SSH_KEY_UNSUPPORTED');
  });
});

describe('an RSA key', () => {
  const rsa = (exponent: Uint8Array, modulus: Uint8Array): Uint8Array =>
    encodePublicKey({ type: 'ssh-rsa', exponent, modulus });
  const usual = Uint8Array.of(1, 0, 1);
  /** So many bits, odd. */
  const modulusOf = (bits: number): Uint8Array => {
    const bytes = new Uint8Array(Math.ceil(bits / 8));
    bytes[0] = 1 << ((bits - 1) % 8);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1;
    return bytes;
  };

  it.each([
    [2047, false],
    [2048, true],
    [16_384, true],
    [16_385, false],
  ])('of %i bits is read: %s', (bits, isRead) => {
    const code = refusal(rsa(usual, modulusOf(bits)));
    expect(code).toBe(isRead ? 'nothing thrown' : 'ERR_SSH_DECODE');
  });

  it('has the bounds that its reader gives', () => {
    const blob = rsa(usual, modulusOf(1024));
    const read = (rsaMinimumBits: number, rsaMaximumBits: number): string =>
      codeOf(() => decodePublicKey(blob, { rsaMinimumBits, rsaMaximumBits }));
    expect([read(1024, 1024), read(1025, 2048), read(512, 1023)]).toEqual([
      'nothing thrown',
      'ERR_SSH_DECODE',
      'ERR_SSH_DECODE',
    ]);
  });

  it.each([
    ['an even modulus', usual, (() => modulusOf(2048).map((byte, i) => (i === 255 ? 2 : byte)))()],
    ['no exponent', new Uint8Array(0), modulusOf(2048)],
    ['the exponent 1', Uint8Array.of(1), modulusOf(2048)],
    ['an even exponent', Uint8Array.of(1, 0, 0), modulusOf(2048)],
    ['an exponent of 72 bits', odd(9), modulusOf(2048)],
    ['no modulus', usual, new Uint8Array(0)],
  ])('with %s is malformed', (_, exponent, modulus) => {
    expect(refusal(rsa(exponent, modulus))).toBe('ERR_SSH_DECODE');
  });

  it.each([
    ['the exponent 3', Uint8Array.of(3)],
    ['an exponent of 64 bits', odd(8)],
  ])('with %s is read', (_, exponent) => {
    expect(decodePublicKey(rsa(exponent, modulusOf(2048)))).toMatchObject({ exponent });
  });
});

describe('a signature blob', () => {
  it('is read as it is written, and nothing stands behind it', () => {
    const blob = encodeSignature('rsa-sha2-512', noise(9, 1));
    expect(decodeSignature(blob)).toEqual({ algorithm: 'rsa-sha2-512', signature: noise(9, 1) });
    expect(codeOf(() => decodeSignature(concatBytes(blob, Uint8Array.of(0))))).toBe('ERR_SSH_DECODE');
  });

  it('of a security token has its flags and counter behind it', () => {
    const part = concatBytes(
      new WireWriter().string(utf8('sig')).copyWritten(),
      Uint8Array.of(1, 0, 0, 0, 9),
    );
    const algorithm = 'sk-ssh-ed25519@openssh.com';
    expect(decodeSignature(encodeSignature(algorithm, part))).toEqual({ algorithm, signature: part });
  });
});
