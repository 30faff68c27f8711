/** The pictures of keys (VisualHostKey, `keygen -lv`), beside those that ssh-keygen draws. */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { decodePublicKey, encodePublicKey, type PublicKey } from '../../src/crypto/keys/publicKey.ts';
import { fingerprint, randomArt } from '../../src/keys/fingerprint.ts';
import type { FingerprintHash } from '../../src/keys/fingerprintBy.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { formatPublicKey } from '../../src/keys/publicKeyFile.ts';
import { keyPicture } from '../../src/node/fingerprints.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { testBytes } from './failure.ts';
import { itWith, run, withFile } from './programs.ts';

const seed = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const bytes = (length: number): fc.Arbitrary<Uint8Array> => seed.map((from) => testBytes(from)(length));
const ecdsa = (bits: 256 | 384 | 521): fc.Arbitrary<PublicKey> =>
  seed.map((from) => generateKey('ecdsa', { randomBytes: testBytes(from), bits }).publicKey);

/** Of any number of bits that ssh-keygen shows; nobody has the primes of such a modulus. */
const rsa = fc.tuple(fc.integer({ min: 1_024, max: 8_192 }), seed).map(([bits, from]): PublicKey => {
  const modulus = testBytes(from)(Math.ceil(bits / 8));
  const top = (bits - 1) % 8;
  modulus[0] = ((modulus[0] ?? 0) & ((1 << top) - 1)) | (1 << top);
  modulus[modulus.length - 1] = (modulus.at(-1) ?? 0) | 1;
  return { type: 'ssh-rsa', exponent: Uint8Array.of(1, 0, 1), modulus };
});

/** A key in a token, which is a plain one and the name of what it is for. */
const inToken = (key: PublicKey, application: string): PublicKey => {
  if (key.type === 'ssh-ed25519') {
    const blob = new WireWriter().text('sk-ssh-ed25519@openssh.com').string(key.point).text(application);
    return decodePublicKey(blob.viewWritten());
  }
  if (!('curve' in key)) throw new Error(`no token has a key of type ${key.type}`);
  const blob = new WireWriter().text('sk-ecdsa-sha2-nistp256@openssh.com').text(key.curve);
  return decodePublicKey(blob.string(key.point).text(application).viewWritten());
};
const ed25519 = bytes(32).map((point): PublicKey => ({ type: 'ssh-ed25519', point }));
const application = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 });

const kinds: Readonly<Record<string, fc.Arbitrary<PublicKey>>> = {
  ed25519,
  rsa,
  nistp256: ecdsa(256),
  nistp384: ecdsa(384),
  nistp521: ecdsa(521),
  'ed25519 in a token': fc.tuple(ed25519, application).map(([key, name]) => inToken(key, name)),
  'nistp256 in a token': fc.tuple(ecdsa(256), application).map(([key, name]) => inToken(key, name)),
};

describe('the picture and the fingerprint of a key', () => {
  for (const [kind, arbitrary] of Object.entries(kinds)) {
    itWith('ssh-keygen', `of type ${kind} are those of ssh-keygen -lv`, () => {
      fc.assert(
        fc.property(
          fc.array(arbitrary, { minLength: 1, maxLength: 12 }),
          fc.constantFrom<FingerprintHash[]>('sha256', 'md5', 'sha1', 'sha384', 'sha512'),
          (keys, hash) => {
            const file = keys.map((key) => formatPublicKey(key)).join('');
            const theirs = withFile(file, (path) => run('ssh-keygen', ['-lv', '-E', hash, '-f', path]));
            const ours = keys.map((key) => {
              const art = keyPicture(key, hash);
              expect(randomArt(key, hash)).toBe(art);
              return `${fingerprint(encodePublicKey(key), hash)}\n${art}\n`;
            });
            // Bits, comment and type stand around the fingerprint.
            expect(theirs.replace(/^\d+ (\S+) no comment \(\S+\)$/gm, '$1')).toBe(ours.join(''));
          },
        ),
        { numRuns: 12 },
      );
    });
  }
});
