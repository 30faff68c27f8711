/**
 * Where OpenSSL takes over from TypeScript: wherever that is, the bytes are the same, and it is
 * there and nowhere else.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { macs } from '../../../src/crypto/algorithms.ts';
import * as noble from '../../../src/crypto/noble/packet/packetCiphers.ts';
import type { DirectionKeys } from '../../../src/crypto/provider/provider.ts';
import {
  bulkChachaWorks,
  EveryOpensslChacha,
  OpensslChacha,
} from '../../../src/node/crypto/packet/packetChacha.ts';
import * as openssl from '../../../src/node/crypto/packet/packetCiphers.ts';
import { measuredCrossings, type PacketCrossings } from '../../../src/node/crypto/packet/packetCrossings.ts';
import { opensslCtrStream } from '../../../src/node/crypto/packet/packetCtr.ts';
import { OpensslGcmOpening, OpensslGcmSealing } from '../../../src/node/crypto/packet/packetGcm.ts';
import { opensslMac, wholeOpensslMac } from '../../../src/node/crypto/packet/packetMac.ts';
import {
  failsLate,
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  type PacketCiphers,
  sameBytes,
  sealAll,
  suites,
} from '../../packet/support.ts';

const never = 2 ** 30;
const all: PacketCrossings = {
  gcmWorksAhead: true,
  gcmOpenAloneFrom: 0,
  gcmOpenFrom: 0,
  gcmSealFrom: 0,
  gcmEncryptFrom: 0,
  gcmTagFrom: 0,
  chachaCryptFrom: 0,
  chachaVerifyFrom: 0,
  chachaTagFrom: 0,
  ctrApartFrom: 0,
  hmacTypescriptUpTo: 0,
  hmacOneCallUpTo: 0,
};
const lengths = Object.keys(all).filter((name) => name !== 'gcmWorksAhead');
/** Crossings within the lengths of the packets of these tests, and on either side of them. */
const crossings: fc.Arbitrary<PacketCrossings> = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.oneof(fc.constantFrom(64, never), fc.integer({ min: 64, max: 700 })), {
      minLength: lengths.length,
      maxLength: lengths.length,
    }),
  )
  .map(([gcmWorksAhead, values]) => ({
    ...all,
    gcmWorksAhead,
    ...Object.fromEntries(lengths.map((name, index) => [name, values[index]])),
    // Memory for one call is of that length.
    hmacOneCallUpTo: Math.min(values.at(-1) ?? 0, 8192),
  }));

const withCrossings = (at: PacketCrossings): PacketCiphers => ({
  createOpeningCipher: (keys) => openssl.createOpeningCipher(keys, at),
  createSealingCipher: (keys) => openssl.createSealingCipher(keys, at),
});

describe('wherever the crossings are', () => {
  it.each(suites.map((suite) => [nameOf(suite), suite] as const))(
    'packets are the same, and are opened, and none that is damaged: %s',
    (_name, suite) => {
      const payloads = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 });
      const cuts = fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 4 });
      fc.assert(
        fc.property(crossings, payloads, cuts, fc.nat(), (at, wanted, pieces, seed) => {
          const keys = keysOf(suite, seed);
          const given = wanted.map((length, index) => noise(length, seed + index));
          const ciphers = withCrossings(at);
          const expected = sealAll(newSealer(noble, keys), given);
          expect(sameBytes([sealAll(newSealer(ciphers, keys), given)], [expected])).toBe(true);
          const takes = new Set(given.keys());
          expect(sameBytes([sealAll(newSealer(ciphers, keys), given, takes)], [expected])).toBe(true);
          expect(sameBytes(openAll(newOpener(ciphers, keys), expected, pieces), given)).toBe(true);
          if (failsLate(suite)) return;
          const damaged = expected.slice();
          const last = damaged.length - 1;
          damaged[last] = (damaged[last] as number) ^ 1;
          expect(() => openAll(newOpener(ciphers, keys), damaged, pieces)).toThrow();
        }),
        { numRuns: 3 },
      );
    },
  );
});

/** Calls into OpenSSL, by the function and the first argument. */
const counted = ['createCipheriv', 'createDecipheriv', 'createHash', 'createHmac'] as const;
const original = Object.fromEntries(counted.map((name) => [name, Reflect.get(crypto, name)]));
const calls: string[] = [];

function count(): void {
  for (const name of counted) {
    const call = original[name] as (...args: unknown[]) => unknown;
    Reflect.set(crypto, name, (...args: unknown[]) => {
      calls.push(`${name} ${String(args[0])}`);
      return call(...args);
    });
  }
  syncBuiltinESMExports();
  calls.length = 0;
}

afterEach(() => {
  for (const name of counted) Reflect.set(crypto, name, original[name]);
  syncBuiltinESMExports();
});

const made = (step: () => unknown): readonly string[] => {
  calls.length = 0;
  step();
  return [...calls];
};

describe('OpenSSL is called', () => {
  it('for AES-GCM: for each packet while there were few, then once for many, and for long ones alone', () => {
    count();
    const keys = keysOf({ cipher: 'aes128-gcm@openssh.com', mac: undefined });
    const at = { ...measuredCrossings, gcmOpenFrom: 512, gcmOpenAloneFrom: 256, gcmSealFrom: 512 };
    /** A packet, and what came behind it. */
    const packet = (length: number): Uint8Array => {
      const bytes = noise(10_000, length);
      bytes.set([0, 0, length >> 8, length & 0xff]);
      return bytes;
    };
    const sealing = new OpensslGcmSealing(keys, at);
    const opening = new OpensslGcmOpening(keys, at);
    expect([sealing.apartFrom, opening.apartFrom]).toEqual([512, 512]);
    // A few bytes at a time go one by one, up to a number of them.
    for (let i = 0; i < 24; i++) {
      const buffer = packet(32);
      expect(made(() => sealing.seal(buffer, 0, 32, i, 0))).toEqual(['createCipheriv aes-128-gcm']);
      expect(made(() => expect(opening.open(buffer, 0, 32, i, 52)).toBe(true))).toEqual([
        'createDecipheriv aes-128-gcm',
      ]);
    }
    const later = packet(32);
    expect(made(() => sealing.seal(later, 0, 32, 24, 0))).toEqual(['createCipheriv aes-128-ecb']);
    expect(made(() => expect(opening.open(later, 0, 32, 24, 52)).toBe(true))).toEqual([
      'createCipheriv aes-128-ecb',
    ]);
    // A packet that comes alone is long from another length on than one among others.
    for (const [length, available, expected] of [
      [240, 260, []],
      [256, 511, ['createDecipheriv aes-128-gcm']],
      [256, 512, []],
      [496, 1024, []],
      [512, 9999, ['createDecipheriv aes-128-gcm']],
    ] as const) {
      const buffer = packet(length);
      if (length < 512) sealing.seal(buffer, 0, length, 0, 0);
      else buffer.set(sealing.sealApart(buffer, 0, length), 4);
      let isRight = false;
      const found = made(() => {
        isRight = opening.open(buffer, 0, length, 0, available);
      });
      expect(isRight, `${length} of ${available}`).toBe(true);
      expect(
        found.filter((call) => call.startsWith('createDecipheriv')),
        `${length} of ${available}`,
      ).toEqual(expected);
    }
    // Much at once is worth it from the start; where nothing works ahead it never is.
    const early = new OpensslGcmSealing(keys, at);
    expect(made(() => early.seal(packet(32), 0, 32, 0, 1023))).toEqual(['createCipheriv aes-128-gcm']);
    expect(made(() => early.seal(packet(32), 0, 32, 1, 1024))).toEqual(['createCipheriv aes-128-ecb']);
    const whole = new OpensslGcmSealing(keys, { ...at, gcmWorksAhead: false });
    for (let i = 0; i < 30; i++) {
      expect(made(() => whole.seal(packet(32), 0, 32, i, 9999))).toEqual(['createCipheriv aes-128-gcm']);
    }
    const long = new OpensslGcmOpening(
      { ...keysOf({ cipher: 'aes256-gcm@openssh.com', mac: undefined }) },
      at,
    );
    expect(made(() => long.open(packet(32), 0, 32, 0, 52))).toEqual(['createDecipheriv aes-256-gcm']);
  });

  it('for HMAC-SHA-256: not for short bytes, in one call for those that can be copied, by an object else', () => {
    count();
    const row = macs['hmac-sha2-256'];
    const mac = opensslMac(row, noise(32, 1), {
      ...measuredCrossings,
      hmacTypescriptUpTo: 64,
      hmacOneCallUpTo: 128,
    });
    // The call for a whole hash is looked up once, when the module is loaded: it is not counted.
    const inOneCall = Reflect.get(crypto, 'hash') === undefined ? ['createHash sha256'] : [];
    for (const [length, expected] of [
      [60, []],
      [64, []],
      [68, inOneCall],
      [128, inOneCall],
      [132, ['createHash sha256']],
    ] as const) {
      expect(
        made(() => mac.compute(noise(length + 8, 1), 8, length + 8, 7)),
        String(length),
      ).toEqual(expected);
    }
    expect(made(() => mac.computeParts?.(noise(4, 1), noise(8, 1), 7))).toEqual(['createHash sha256']);
    // By OpenSSL alone where every packet is to be.
    const whole = wholeOpensslMac(row, noise(32, 1));
    expect(made(() => whole.compute(noise(5, 1), 0, 5, 7))).toEqual(['createHmac sha256']);
    for (const name of ['hmac-sha1', 'hmac-sha2-512'] as const) {
      const other = opensslMac(macs[name], noise(macs[name].keyLength, 1), measuredCrossings);
      expect(made(() => other.compute(noise(5, 1), 0, 5, 7))).toEqual([`createHmac ${macs[name].hash}`]);
      for (const number of [0, 7, 0xffff_ffff]) {
        const expected = crypto.createHmac(macs[name].hash as string, noise(macs[name].keyLength, 1));
        expected
          .update(new Uint8Array([number >>> 24, number >>> 16, number >>> 8, number]))
          .update(noise(8, 1));
        expect(Buffer.from(other.compute(noise(8, 1), 0, 8, number)).equals(expected.digest())).toBe(true);
      }
    }
  });

  it('for AES-CTR: ahead, the more the more short packets follow one another, and never past what is asked', () => {
    const keys: DirectionKeys = keysOf({ cipher: 'aes128-ctr', mac: 'hmac-sha2-256' });
    const lengthsMade: number[] = [];
    const context = crypto.createCipheriv('aes-128-ctr', keys.encryptionKey, keys.iv);
    Reflect.set(crypto, 'createCipheriv', () => ({
      update: (bytes: Uint8Array) => {
        lengthsMade.push(bytes.length);
        return context.update(bytes);
      },
    }));
    syncBuiltinESMExports();
    const stream = opensslCtrStream(keys, { ...measuredCrossings, ctrApartFrom: 2048 });
    const plain = noise(70_000, 3);
    const buffer = plain.slice();
    let at = 0;
    const crypt = (length: number): void => {
      stream.crypt(buffer, at, at + length);
      at += length;
    };
    expect(stream.apartFrom).toBe(2048);
    for (let i = 0; i < 2400; i++) crypt(16);
    expect(lengthsMade).toEqual([128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 16_384]);
    lengthsMade.length = 0;
    // What is left is used up first: 49,024 bytes were made, and 38,400 of them taken.
    buffer.set(stream.cryptApart?.(buffer.subarray(at, at + 10_000)) as Uint8Array, at);
    at += 10_000;
    expect(lengthsMade).toEqual([]);
    buffer.set(stream.cryptApart?.(buffer.subarray(at, at + 2048)) as Uint8Array, at);
    at += 2048;
    expect(lengthsMade).toEqual([2048 - 624]);
    // Behind a long packet it begins anew; more than that is made where one packet asks for more.
    crypt(16);
    expect(lengthsMade.at(-1)).toBe(128);
    crypt(2032);
    expect(lengthsMade.at(-1)).toBe(2032 - 112);
    crypt(2048);
    expect(lengthsMade.at(-1)).toBe(2048);
    expect(lengthsMade).toHaveLength(4);
    const alone = crypto.createDecipheriv('aes-128-ctr', keys.encryptionKey, keys.iv);
    expect(Buffer.compare(alone.update(buffer.subarray(0, at)), plain.subarray(0, at))).toBe(0);
  });

  it('for ChaCha20 as the crossings say, and for every packet where each is to be its own', () => {
    const at = { ...measuredCrossings, chachaCryptFrom: 5, chachaVerifyFrom: 6, chachaTagFrom: 7 };
    const key = noise(32, 1);
    const some = new OpensslChacha(key, at);
    expect([some.cryptFrom, some.verifyFrom, some.tagFrom]).toEqual([5, 6, 7]);
    const every = new EveryOpensslChacha(key, noise(32, 2), at);
    expect([every.cryptFrom, every.verifyFrom, every.tagFrom]).toEqual([0, 6, 7]);
    // Not a byte more than it was asked for.
    const block = new Int32Array(16).fill(7);
    every.beginnings.length(1, block);
    expect(block.findLastIndex((word) => word !== 7)).toBe(0);
    every.beginnings.tagKey(1, block.fill(7));
    expect(block.findLastIndex((word) => word !== 7)).toBe(7);
    expect(bulkChachaWorks(some)).toBe(true);
    for (const wrong of [
      { crypt: () => new Uint8Array(63), tag: () => new Uint8Array(16) },
      { crypt: () => new Uint8Array(64), tag: () => new Uint8Array(15) },
    ]) {
      expect(bulkChachaWorks({ ...some, ...wrong } as unknown as OpensslChacha)).toBe(false);
    }
  });
});
