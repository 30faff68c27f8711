/**
 * Every kind of key file, cut off at every byte and with every byte changed: a
 * typed error or the right key, never another error, never another key.
 *
 * Two kinds hold a private half and nothing to check it by (PKCS#8 of Ed25519 as
 * OpenSSL writes it, SEC 1 without its public half). There a changed byte can
 * make another key, which no reader can tell; what must hold is that the public
 * half is then that key's own.
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { PrivateKey, PrivateKeyFile } from '../../src/crypto/keys/privateKey.ts';
import { runSteps } from '../../src/keys/derivation/steps.ts';
import { privateKeySteps } from '../../src/keys/privateKey/privateKeyFile.ts';
import { protectedFormats } from '../../src/keys/privateKey/protectedFormats.ts';
import { fixtureBytes, passphrase } from './fixtures.ts';
import { opensslArithmetic } from './opensslArithmetic.ts';

/** Path, and how many bytes to go from one change to the next. */
const kinds: readonly (readonly [string, number])[] = [
  ['ed25519/openssh', 1],
  ['ecdsa521/openssh', 1],
  ['rsa/openssh', 1],
  ['ed25519/openssh-aes256-ctr.enc', 1],
  ['ed25519/openssh-aes256-gcm.enc', 1],
  ['ed25519/openssh-chacha20-poly1305.enc', 1],
  ['ed25519/openssh-aes128-cbc.enc', 1],
  ['ed25519/openssh-3des-cbc.enc', 1],
  ['rsa/pkcs1.pem', 1],
  ['rsa/pkcs1-aes128.enc.pem', 1],
  ['rsa/pkcs1-des3.enc.pem', 3],
  ['ecdsa256/sec1.pem', 1],
  ['ecdsa256/sec1-with-parameters.pem', 1],
  ['ecdsa256/sec1-aes256.enc.pem', 1],
  ['rsa/pkcs8.pem', 1],
  ['ecdsa384/pkcs8.pem', 1],
  ['ecdsa384/pkcs8.enc.pem', 1],
  ['rsa/pkcs8-scrypt.enc.pem', 11],
  ['rsa/pkcs8-PBE-SHA1-3DES.enc.pem', 11],
  ['rsa/pkcs8-PBE-SHA1-RC4-128.enc.pem', 11],
  ['rsa/pkcs8-PBE-MD5-DES.enc.pem', 11],
  ['ed25519/putty-2.ppk', 1],
  ['ed25519/putty-2.enc.ppk', 1],
  ['ecdsa256/putty-3.ppk', 1],
  ['ecdsa256/putty-3.enc.ppk', 2],
  ['rsa/putty-3.ppk', 1],
];

const unguarded: readonly string[] = [
  'ed25519-openssl/pkcs8.pem',
  'ed25519-openssl/pkcs8.enc.pem',
  'ecdsa256/sec1-without-public.pem',
];

const codes: readonly string[] = ['ERR_SSH_KEY_FORMAT', 'ERR_SSH_KEY_PASSPHRASE', 'ERR_SSH_KEY_UNSUPPORTED'];

/** The key, or undefined for a typed error; any other error passes through and fails the test. */
function read(data: Uint8Array): PrivateKeyFile | undefined {
  try {
    // Little work: a changed byte may ask for much, which is allowed and only takes time.
    const limits = { bcryptRounds: 4, pbkdf2Iterations: 10_000, scryptWork: 4096, argon2Work: 2048 };
    const options = { passphrase, limits };
    return runSteps(
      privateKeySteps(data, options, { arithmetic: opensslArithmetic, formats: protectedFormats }),
    );
  } catch (error) {
    if (error instanceof SshError && codes.includes(error.code) && error.phase === 'options')
      return undefined;
    throw error;
  }
}

function* cutOff(data: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < data.length; length++) yield data.slice(0, length);
}

/** What is done to a byte: another character of base64, a letter's case, and no character at all. */
const bits = [0x01, 0x20, 0x80] as const;

/** Each change of each byte; where reading takes bcrypt's time, one for each byte in turn. */
function* changed(data: Uint8Array, stride: number, slow: boolean): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at += stride) {
    for (const bit of slow ? [bits[at % 3] as number] : bits) {
      const copy = data.slice();
      copy[at] = (copy[at] as number) ^ bit;
      yield copy;
    }
  }
}

/** At least one variant must have been refused, lest a reader that looks at nothing pass. */
function expectRight(variants: Iterable<Uint8Array>, right: PrivateKey): void {
  let refused = 0;
  for (const variant of variants) {
    const file = read(variant);
    if (file === undefined) refused++;
    else expect(file.privateKey).toEqual(right);
  }
  expect(refused).toBeGreaterThan(0);
}

describe.each(kinds)('%s', (path, stride) => {
  const data = fixtureBytes(path);
  const right = read(data)?.privateKey as PrivateKey;

  it('is read undamaged', () => {
    expect(right).toBeDefined();
  });

  it('cut off anywhere gives a typed error or the right key', () => {
    expectRight(cutOff(data), right);
  });

  it('with a byte changed anywhere gives a typed error or the right key', { timeout: 120_000 }, () => {
    expectRight(changed(data, stride, /openssh.*enc/.test(path)), right);
  });
});

describe.each(unguarded)('%s, which cannot be checked', (path) => {
  const data = fixtureBytes(path);

  it('cut off anywhere gives a typed error or the right key', () => {
    expectRight(cutOff(data), read(data)?.privateKey as PrivateKey);
  });

  it('with a byte changed anywhere gives a typed error or a key whose halves belong together', () => {
    let refused = 0;
    for (const variant of changed(data, 1, false)) {
      const key = read(variant)?.privateKey;
      if (key === undefined) {
        refused++;
        continue;
      }
      if (key.type === 'ssh-ed25519') {
        expect(key.publicKey.point).toEqual(opensslArithmetic.ed25519PublicKey(key.seed));
      } else if (key.type !== 'ssh-rsa' && key.type !== 'ssh-ed448') {
        expect(key.publicKey.point).toEqual(opensslArithmetic.ecPublicKey(key.publicKey.curve, key.scalar));
      }
    }
    expect(refused).toBeGreaterThan(data.length / 2);
  });
});
