/**
 * Vectors that others made, of Project Wycheproof: edges of the arithmetic that
 * implementations were found to get wrong. Both providers have to say what the
 * vectors say; where SSH is stricter, or has no way to ask, it says so here.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chacha20 } from '@noble/ciphers/chacha.js';
import { describe, expect, it, vi } from 'vitest';
import { concatBytes, equalBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import type { CipherName } from '../../src/crypto/algorithms.ts';
import { poly1305 } from '../../src/crypto/handwritten/chacha/poly1305.ts';
import { isRelayedTagRight, relayTag } from '../../src/crypto/handwritten/chacha/poly1305Relay.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import type { PublicKey } from '../../src/crypto/keys/publicKey.ts';
import type { CryptoProvider, HashName, KeyAgreement } from '../../src/crypto/provider/provider.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { codeOf, providers } from './support.ts';

// Thousands of multiplications on curves in TypeScript: a busy machine needs minutes.
vi.setConfig({ testTimeout: 300_000 });

type Hex = string;

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

interface Group<V> {
  readonly tests: readonly V[];
}

interface VectorFile<G> {
  readonly source: string;
  readonly numberOfTests: number;
  readonly testGroups: readonly G[];
}

const folder = new URL('../../fixtures/wycheproof/', import.meta.url);

function vectors<G extends Group<Vector>>(name: string): readonly G[] {
  const file = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as VectorFile<G>;
  const count = file.testGroups.reduce((sum, { tests }) => sum + tests.length, 0);
  // A file that is cut off has fewer than it says.
  if (count !== file.numberOfTests) throw new Error(`${name}: ${count} tests of ${file.numberOfTests}`);
  return file.testGroups;
}

/** Runs every vector and names those that come out otherwise. `use` answers undefined for one it cannot ask. */
function judge<G extends Group<Vector>>(
  groups: readonly G[],
  use: (vector: G['tests'][number], group: G) => boolean | undefined,
): { readonly wrong: string[]; readonly asked: number } {
  const wrong: string[] = [];
  let asked = 0;
  for (const group of groups) {
    for (const vector of group.tests) {
      const answer = use(vector, group);
      if (answer === undefined) continue;
      asked++;
      if (!answer)
        wrong.push(`${vector.tcId} (${vector.result}: ${vector.flags.join(', ')}) ${vector.comment}`);
    }
  }
  return { wrong, asked };
}

// Key agreements -----------------------------------------------------------------------

interface AgreementVector extends Vector {
  readonly public: Hex;
  readonly private: Hex;
  readonly shared: Hex;
}

/** The secret, or the code of the error. */
function agreed(agreement: KeyAgreement, secretKey: Uint8Array, publicKey: Uint8Array): string {
  let secret = '';
  const code = codeOf(() => {
    secret = toHex(agreement.sharedSecret(secretKey, publicKey));
  });
  return code === 'nothing thrown' ? secret : code;
}

describe.each(providers)('%s', (_, provider) => {
  // RFC 8731 §3: a secret of zeros, which is what points of small order give, ends the key exchange.
  it.each<[string, KeyAgreement, number]>([
    ['x25519', provider.x25519, 518],
    ['x448', provider.x448, 510],
  ])('%s gives the shared secret, and none that is all zeros', (name, agreement, count) => {
    const { wrong, asked } = judge(
      vectors<Group<AgreementVector>>(name),
      ({ public: point, private: secret, shared, result }) => {
        const got = agreed(agreement, fromHex(secret), fromHex(point));
        if (result === 'invalid' || /^0*$/.test(shared)) return got === 'ERR_SSH_KEY_EXCHANGE';
        return got === shared;
      },
    );
    expect(wrong).toEqual([]);
    expect(asked).toBe(count);
  });

  it('ECDH on nistp256 gives the shared secret of points on the curve, in the form that SSH has', () => {
    const { wrong, asked } = judge(
      vectors<Group<AgreementVector>>('ecdh_secp256r1_ecpoint'),
      ({ public: point, private: secret, shared, result }) => {
        const scalar = bigIntToBytes(bytesToBigInt(fromHex(secret)), 32);
        const got = agreed(provider.ecdh('nistp256'), scalar, fromHex(point));
        // Compressed points are good elsewhere; RFC 5656 §4 leaves them to those who agreed on them.
        const isGood = result === 'valid' && point.startsWith('04');
        return isGood ? got === shared : got === 'ERR_SSH_KEY_EXCHANGE';
      },
    );
    expect(wrong).toEqual([]);
    expect(asked).toBe(355);
  });

  // Signatures -------------------------------------------------------------------------

  interface SignatureVector extends Vector {
    readonly msg: Hex;
    readonly sig: Hex;
  }

  interface EdwardsGroup extends Group<SignatureVector> {
    readonly publicKey: { readonly pk: Hex };
  }

  it.each([
    ['ed25519', 'ssh-ed25519', 151],
    ['ed448', 'ssh-ed448', 87],
  ] as const)('%s verifies what is valid and nothing else', (name, type, count) => {
    const { wrong, asked } = judge(vectors<EdwardsGroup>(name), ({ msg, sig, result }, { publicKey }) => {
      const key: PublicKey = { type, point: fromHex(publicKey.pk) };
      return provider.verify(type, key, fromHex(msg), fromHex(sig)) === (result === 'valid');
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(count);
  });

  interface EcdsaGroup extends Group<SignatureVector> {
    readonly publicKey: { readonly uncompressed: Hex };
  }

  it.each([
    ['nistp256', 'ecdsa_secp256r1_sha256_p1363', 32, 241],
    ['nistp384', 'ecdsa_secp384r1_sha384_p1363', 48, 261],
    ['nistp521', 'ecdsa_secp521r1_sha512_p1363', 66, 304],
  ] as const)('ECDSA on %s verifies what is valid and nothing else', (curve, name, length, count) => {
    const type = `ecdsa-sha2-${curve}` as const;
    const { wrong, asked } = judge(vectors<EcdsaGroup>(name), ({ msg, sig, result }, { publicKey }) => {
      const bytes = fromHex(sig);
      // In SSH r and s are numbers of their own, so one cannot be of a wrong length.
      if (bytes.length !== 2 * length) return undefined;
      const signature = new WireWriter()
        .mpint(bytes.subarray(0, length))
        .mpint(bytes.subarray(length))
        .copyWritten();
      const key: PublicKey = { type, curve, point: fromHex(publicKey.uncompressed) };
      return provider.verify(type, key, fromHex(msg), signature) === (result === 'valid');
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(count);
  });

  interface RsaGroup extends Group<SignatureVector> {
    readonly publicKey: { readonly modulus: Hex; readonly publicExponent: Hex };
  }

  it.each([
    ['rsa-sha2-256', 'rsa_signature_2048_sha256'],
    ['rsa-sha2-512', 'rsa_signature_2048_sha512'],
  ])('%s verifies what is valid and nothing else, with the padding to the byte', (algorithm, name) => {
    const { wrong, asked } = judge(vectors<RsaGroup>(name), ({ msg, sig, result }, { publicKey }) => {
      const key: PublicKey = {
        type: 'ssh-rsa',
        modulus: trimmed(fromHex(publicKey.modulus)),
        exponent: trimmed(fromHex(evenDigits(publicKey.publicExponent))),
      };
      // What is `acceptable` leaves the NULL out of the padding, which OpenSSH does not take either.
      return provider.verify(algorithm, key, fromHex(msg), fromHex(sig)) === (result === 'valid');
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(259);
  });

  // MACs -------------------------------------------------------------------------------

  interface MacVector extends Vector {
    readonly key: Hex;
    readonly msg: Hex;
    readonly tag: Hex;
  }

  it.each([
    ['sha1', 'hmac_sha1', 170],
    ['sha256', 'hmac_sha256', 174],
    ['sha512', 'hmac_sha512', 174],
  ] as const)('HMAC with %s has the tag, whole or cut', (hash: HashName, name, count) => {
    const { wrong, asked } = judge(vectors<Group<MacVector>>(name), ({ key, msg, tag, result }) => {
      const mac = provider.createHmac(hash, fromHex(key));
      mac.update(fromHex(msg));
      const own = mac.digest().subarray(0, tag.length / 2);
      return equalBytes(own, fromHex(tag)) === (result === 'valid');
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(count);
  });

  // Packets ----------------------------------------------------------------------------

  it('AES-GCM seals and opens packets with the ciphertext and the tag of the vectors', () => {
    const { wrong, asked } = judge(vectors<AeadGroup>('aes_gcm'), (vector, { ivSize, keySize }) => {
      const name = gcmNames[keySize];
      const text = fromHex(vector.msg);
      // A packet is made of whole blocks, and there are no keys of 192 bits and no other nonces.
      if (name === undefined || ivSize !== 96 || text.length === 0 || text.length % 16 !== 0)
        return undefined;
      return isGcmPacket(provider, name, vector);
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(71);
  });
});

interface AeadVector extends Vector {
  readonly key: Hex;
  readonly iv: Hex;
  readonly aad: Hex;
  readonly msg: Hex;
  readonly ct: Hex;
  readonly tag: Hex;
}

interface AeadGroup extends Group<AeadVector> {
  readonly ivSize: number;
  readonly keySize: number;
  readonly tagSize: number;
}

const gcmNames: Readonly<Record<number, CipherName>> = {
  128: 'aes128-gcm@openssh.com',
  256: 'aes256-gcm@openssh.com',
};

/**
 * The vector as a packet. Its additional data is then its length, which changes
 * the tag by the difference of two hashes under H: the vector's tag, right or
 * wrong, becomes the packet's.
 */
function isGcmPacket(provider: CryptoProvider, cipher: CipherName, vector: AeadVector): boolean {
  const { key, iv, aad, msg, ct, tag, result } = vector;
  const [text, sealed] = [fromHex(msg), fromHex(ct)];
  const length = bigEndian32(text.length);
  const hashKey = hashKeyOf(fromHex(key));
  const difference = plainGhash(hashKey, fromHex(aad), sealed) ^ plainGhash(hashKey, length, sealed);
  const packetTag = bigIntToBytes(bytesToBigInt(fromHex(tag)) ^ difference, 16);
  const keys = {
    cipher,
    mac: undefined,
    encryptionKey: fromHex(key),
    iv: fromHex(iv),
    integrityKey: new Uint8Array(0),
  };
  const packet = concatBytes(length, text, new Uint8Array(16));
  provider.createSealingCipher(keys).seal(packet, 0, text.length, 0, packet.length);
  const expected = concatBytes(length, sealed, packetTag);
  if (equalBytes(packet, expected) !== (result === 'valid')) return false;
  const opening = provider.createOpeningCipher(keys);
  const received = expected.slice();
  if (opening.openLength(received, 0, 0) !== text.length) return false;
  const isOpen = opening.open(received, 0, text.length, 0, received.length);
  if (isOpen !== (result === 'valid')) return false;
  const { plaintext, plaintextOffset } = opening;
  return !isOpen || equalBytes(plaintext.subarray(plaintextOffset, plaintextOffset + text.length), text);
}

/** AES of the zero block (NIST SP 800-38D §7.1). */
function hashKeyOf(key: Uint8Array): bigint {
  const aes = createCipheriv(key.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb', key, null).setAutoPadding(
    false,
  );
  return bytesToBigInt(new Uint8Array(aes.update(new Uint8Array(16))));
}

/** GHASH as NIST SP 800-38D §6.4 has it, bit by bit. */
function plainGhash(hashKey: bigint, additionalData: Uint8Array, sealed: Uint8Array): bigint {
  const lengths = concatBytes(bigEndian64(8 * additionalData.length), bigEndian64(8 * sealed.length));
  const bytes = concatBytes(padded(additionalData), padded(sealed), lengths);
  let hash = 0n;
  for (let at = 0; at < bytes.length; at += 16) {
    hash = plainMultiply(hash ^ bytesToBigInt(bytes.slice(at, at + 16)), hashKey);
  }
  return hash;
}

/** NIST SP 800-38D §6.3. */
function plainMultiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  let power = y;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= power;
    power = power & 1n ? (power >> 1n) ^ (0xe1n << 120n) : power >> 1n;
  }
  return product;
}

describe('ChaCha20-Poly1305', () => {
  const groups = vectors<AeadGroup>('chacha20_poly1305');
  const wordsOf = (bytes: Uint8Array): Int32Array =>
    Int32Array.from({ length: bytes.length / 4 }, (_, i) => viewOf(bytes).getInt32(4 * i, true));
  const bytesOf = (words: Int32Array): Uint8Array => {
    const out = new Uint8Array(4 * words.length);
    for (const [i, word] of words.entries()) viewOf(out).setInt32(4 * i, word, true);
    return out;
  };
  /** What RFC 8439 §2.8 authenticates. */
  const covered = ({ aad, ct }: AeadVector): Uint8Array => {
    const [data, sealed] = [fromHex(aad), fromHex(ct)];
    return concatBytes(
      padded(data),
      padded(sealed),
      littleEndian64(data.length),
      littleEndian64(sealed.length),
    );
  };
  const oneTimeKey = ({ key, iv }: AeadVector): Uint8Array =>
    chacha20(fromHex(key), fromHex(iv), new Uint8Array(32));

  // The nonce of a packet is its number, which none of the vectors has; what is authenticated is Poly1305's.
  it('has the tag that Poly1305 in TypeScript computes, and no other', () => {
    const { wrong, asked } = judge(groups, (vector, { ivSize }) => {
      if (ivSize !== 96) return undefined;
      const message = covered(vector);
      const tag = new Int32Array(4);
      poly1305(wordsOf(oneTimeKey(vector)), viewOf(message), 0, message.length, tag);
      return equalBytes(bytesOf(tag), fromHex(vector.tag)) === (vector.result === 'valid');
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(316);
  });

  it('has the tag that is made by way of the cipher of OpenSSL, and no other', () => {
    let made = 0;
    const { wrong, asked } = judge(groups, (vector, { ivSize }) => {
      // The way is for two whole blocks and a short one at least: a packet's length field makes it short.
      const message = concatBytes(covered(vector), fromHex(vector.tag).subarray(0, 4));
      if (ivSize !== 96 || message.length < 36) return undefined;
      const key = wordsOf(oneTimeKey(vector));
      const plain = new Int32Array(4);
      poly1305(key, viewOf(message), 0, message.length, plain);
      const sealed = concatBytes(message, bytesOf(plain));
      const relay = (end: number): Uint8Array => opensslTag(vector, message.subarray(0, end));
      const isRight = (): boolean => isRelayedTagRight(key, viewOf(sealed), 0, message.length, relay);
      if (!isRight()) return false;
      sealed[message.length] = (sealed[message.length] as number) ^ 1;
      if (isRight()) return false;
      // Where the two ways share several tags, which these keys were looked for to bring about, there is none.
      const tag = new Int32Array(4);
      if (!relayTag(key, viewOf(message), 0, message.length, relay, tag)) return true;
      made++;
      return equalBytes(bytesOf(tag), bytesOf(plain));
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(315);
    expect(made).toBeGreaterThan(200);
  });

  it('is opened by OpenSSL as the vectors say, of which long packets make use', () => {
    const { wrong, asked } = judge(groups, ({ key, iv, aad, msg, ct, tag, result }, { ivSize }) => {
      if (ivSize !== 96) return undefined;
      const cipher = createDecipheriv('chacha20-poly1305', fromHex(key), fromHex(iv), { authTagLength: 16 });
      cipher.setAAD(fromHex(aad), { plaintextLength: ct.length / 2 });
      cipher.setAuthTag(fromHex(tag));
      const text = cipher.update(fromHex(ct));
      try {
        cipher.final();
      } catch {
        return result === 'invalid';
      }
      return result === 'valid' && text.toString('hex') === msg;
    });
    expect(wrong).toEqual([]);
    expect(asked).toBe(316);
  });

  function opensslTag({ key, iv }: AeadVector, additionalData: Uint8Array): Uint8Array {
    const cipher = createCipheriv('chacha20-poly1305', fromHex(key), fromHex(iv), { authTagLength: 16 });
    cipher.setAAD(additionalData, { plaintextLength: 0 });
    cipher.final();
    return new Uint8Array(cipher.getAuthTag());
  }
});

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Filled up with zeros to whole blocks. */
function padded(bytes: Uint8Array): Uint8Array {
  return concatBytes(bytes, new Uint8Array((16 - (bytes.length % 16)) % 16));
}

function trimmed(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  return bytes.slice(start);
}

function evenDigits(hex: Hex): Hex {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

function bigEndian32(value: number): Uint8Array {
  return bigIntToBytes(BigInt(value), 4);
}

function bigEndian64(value: number): Uint8Array {
  return bigIntToBytes(BigInt(value), 8);
}

function littleEndian64(value: number): Uint8Array {
  return bigEndian64(value).reverse();
}
