/** Work done ahead for many packets of AES-GCM: that it is done, and that nothing wrong passes by it. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { encryptBlocks, expandAesKey } from '../../src/crypto/handwritten/aes/aesBlocks.ts';
import { GcmNonce } from '../../src/crypto/handwritten/aes/gcmCounter.ts';
import { GcmPackets } from '../../src/crypto/handwritten/aes/gcmPackets.ts';
import { GhashKey } from '../../src/crypto/handwritten/aes/ghash.ts';
import { type BulkBlocks, KeystreamAhead } from '../../src/crypto/handwritten/aes/keystreamAhead.ts';
import { bigEndian, noise } from '../packet/support.ts';

const key = noise(16, 1);
const firstNonce = noise(12, 2);
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A worker in bulk that counts what it is asked for. */
class CountingBulk implements BulkBlocks {
  encryptions = 0;
  tags = 0;
  readonly encryptFrom: number;
  readonly tagFrom: number;
  readonly longest: number;

  constructor(bounds: Partial<Pick<BulkBlocks, 'encryptFrom' | 'tagFrom' | 'longest'>> = {}) {
    this.encryptFrom = bounds.encryptFrom ?? 0;
    this.tagFrom = bounds.tagFrom ?? 0;
    this.longest = bounds.longest ?? 2048;
  }

  encrypt(source: DataView, count: number): DataView {
    this.encryptions++;
    const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    return view(cipher.update(new Uint8Array(source.buffer, source.byteOffset, 16 * count)));
  }

  tag(additionalData: Uint8Array): DataView {
    this.tags++;
    const cipher = createCipheriv('aes-128-gcm', key, new Uint8Array(12));
    cipher.setAAD(additionalData);
    cipher.final();
    return view(cipher.getAuthTag());
  }
}

/** Packets as OpenSSL seals them, one by one, the nonce counting up. */
function sealEach(payloads: readonly Uint8Array[], first: Uint8Array = firstNonce): Uint8Array {
  return concatBytes(
    ...payloads.map((payload, i) => {
      const nonce = first.slice();
      const counter = view(nonce).getBigUint64(4) + BigInt(i);
      view(nonce).setBigUint64(4, BigInt.asUintN(64, counter));
      const length = bigEndian(payload.length);
      const cipher = createCipheriv('aes-128-gcm', key, nonce);
      cipher.setAAD(length);
      const sealed = cipher.update(payload);
      cipher.final();
      return concatBytes(length, sealed, cipher.getAuthTag());
    }),
  );
}

/** Opens packet after packet in place; undefined from the first on that does not verify. */
function openEach(chunk: Uint8Array, lengths: readonly number[], bulk: BulkBlocks): (string | undefined)[] {
  const packets = new GcmPackets(key, new GcmNonce(firstNonce), bulk);
  const opened: (string | undefined)[] = [];
  let at = 0;
  for (const length of lengths) {
    if (!packets.open(chunk, at, length, chunk.length - at)) return [...opened, undefined];
    opened.push(toHex(chunk.subarray(at + 4, at + 4 + length)));
    at += 20 + length;
  }
  return opened;
}

const payloads = fc
  .array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 20 })
  .map((blocks) => blocks.map((count, i) => noise(16 * count, i)));

describe('packets of AES-GCM, worked on ahead', () => {
  it('cost one call for their keystream and one for their tags, however many they are', () => {
    fc.assert(
      fc.property(payloads, (texts) => {
        const bulk = new CountingBulk();
        const opened = openEach(
          sealEach(texts),
          texts.map((text) => text.length),
          bulk,
        );
        expect(opened).toEqual(texts.map(toHex));
        expect({ encryptions: bulk.encryptions, tags: bulk.tags }).toEqual({ encryptions: 1, tags: 1 });
      }),
    );
  });

  it('are verified together where all are right, and none of them where one is not', () => {
    const expandedKey = expandAesKey(key);
    const h = new Uint8Array(16);
    encryptBlocks(expandedKey, view(h), 1);
    const verdicts = (chunk: Uint8Array, lengths: readonly number[]): boolean[] => {
      const ghash = new GhashKey(view(h), 0);
      const ahead = new KeystreamAhead(new CountingBulk(), new GcmNonce(firstNonce), expandedKey, ghash);
      expect(ahead.make(chunk, 0, lengths[0] as number, chunk.length)).toBe(true);
      ahead.verify(chunk, view(chunk), 0, chunk.length);
      return lengths.map((length) => {
        const { isVerified } = ahead;
        ahead.use(length);
        return isVerified;
      });
    };
    fc.assert(
      fc.property(payloads, fc.nat(), (texts, bit) => {
        const chunk = sealEach(texts);
        const lengths = texts.map((text) => text.length);
        expect(verdicts(chunk, lengths)).toEqual(lengths.map(() => true));
        // Of the last packet, of which no length field tells where another begins.
        const last = lengths.at(-1) as number;
        const index = chunk.length - 1 - ((bit >> 3) % (last + 16));
        chunk[index] = (chunk[index] as number) ^ (1 << (bit & 7));
        expect(verdicts(chunk, lengths)).toEqual(lengths.map(() => false));
      }),
    );
  });

  it('with one bit turned over are right up to that packet, and no further', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), fc.nat(), (texts, packet, bit) => {
        const chunk = sealEach(texts);
        const wrong = packet % texts.length;
        // Behind the length field, which says where the next packet begins: payload and tag.
        const start = texts.slice(0, wrong).reduce((sum, text) => sum + 20 + text.length, 4);
        const at = bit % (8 * ((texts[wrong] as Uint8Array).length + 16));
        const index = start + (at >> 3);
        chunk[index] = (chunk[index] as number) ^ (1 << (at & 7));
        const opened = openEach(
          chunk,
          texts.map((text) => text.length),
          new CountingBulk(),
        );
        expect(opened).toEqual([...texts.slice(0, wrong).map(toHex), undefined]);
      }),
    );
  });

  it('are as many in one call as its bounds allow: 1,024 blocks, 128 packets', () => {
    // 200 packets of one block: keystream of two blocks each.
    const short = Array.from({ length: 200 }, (_, i) => noise(16, i));
    const bulk = new CountingBulk();
    expect(
      openEach(
        sealEach(short),
        short.map(() => 16),
        bulk,
      ),
    ).toEqual(short.map(toHex));
    expect([bulk.encryptions, bulk.tags]).toEqual([2, 2]);
    // Twenty of 101 blocks each: ten fit.
    const long = Array.from({ length: 20 }, (_, i) => noise(1600, i));
    const other = new CountingBulk();
    expect(
      openEach(
        sealEach(long),
        long.map(() => 1600),
        other,
      ),
    ).toEqual(long.map(toHex));
    expect([other.encryptions, other.tags]).toEqual([2, 2]);
  });

  it('are not worked on in bulk below the lengths from which that pays, nor above the longest', () => {
    const texts = [noise(64, 1), noise(64, 2)];
    const lengths = texts.map((text) => text.length);
    const expected = texts.map(toHex);
    // Keystream of 10 blocks; GHASH over 4 of payload, 2 of lengths and one claim for each: 14.
    for (const [bounds, calls] of [
      [{ encryptFrom: 10, tagFrom: 14 }, [1, 1]],
      [{ encryptFrom: 10, tagFrom: 15 }, [1, 0]],
      [{ encryptFrom: 11, tagFrom: 0 }, [0, 0]],
      [{ longest: 64 }, [1, 1]],
      [{ longest: 63 }, [0, 0]],
    ] as const) {
      const bulk = new CountingBulk(bounds);
      expect(openEach(sealEach(texts), lengths, bulk)).toEqual(expected);
      // Nothing made ahead is looked for again at each packet: no call is a call for both.
      expect([bulk.encryptions, bulk.tags], JSON.stringify(bounds)).toEqual(calls);
    }
  });

  it('are sealed as OpenSSL seals each, and carry the counter on', () => {
    for (const first of [
      '010203040000000000000000',
      '01020304ffffffffffffffff',
      '0102030400000000fffffffe',
    ]) {
      const nonce = fromHex(first);
      const texts = Array.from({ length: 6 }, (_, i) => noise(16 * (i + 1), i));
      const expected = sealEach(texts, nonce);
      const chunk = concatBytes(
        ...texts.map((text) => concatBytes(bigEndian(text.length), text, new Uint8Array(16))),
      );
      const bulk = new CountingBulk();
      const packets = new GcmPackets(key, new GcmNonce(nonce), bulk);
      let at = 0;
      for (const { length } of texts) {
        packets.seal(chunk, at, length, chunk.length - at);
        at += 20 + length;
      }
      expect(toHex(chunk)).toBe(toHex(expected));
      expect([bulk.encryptions, bulk.tags]).toEqual([1, 0]);
    }
  });
});
