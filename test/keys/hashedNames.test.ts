/** Names that known_hosts hides: the same HMAC as OpenSSL's, each computed once for each name. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { HashedNames, hashSpelling, isHashedName } from '../../src/keys/knownHosts/hashedNames.ts';
import * as sha1 from '../../src/keys/knownHosts/sha1Block.ts';

const salts = fc.uint8Array({ minLength: 20, maxLength: 20 });
/** Over the ends of one, two and three blocks. */
const spellings = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 200,
});

describe('a hidden name', () => {
  it('is the HMAC-SHA-1 that OpenSSL computes', () => {
    fc.assert(
      fc.property(spellings, salts, (spelling, salt) => {
        const hash = createHmac('sha1', salt).update(spelling, 'latin1').digest('base64');
        expect(hashSpelling(spelling, salt)).toBe(`|1|${Buffer.from(salt).toString('base64')}|${hash}`);
      }),
      { numRuns: 500 },
    );
  });

  it.each([54, 55, 56, 63, 64, 119, 120, 128])('of %d bytes is right where a block ends', (length) => {
    const salt = new Uint8Array(20).fill(255);
    const hash = createHmac('sha1', salt).update('h'.repeat(length)).digest('base64');
    expect(hashSpelling('h'.repeat(length), salt)).toBe(`|1|${Buffer.from(salt).toString('base64')}|${hash}`);
  });

  it('that is malformed is none', () => {
    const good = hashSpelling('host', new Uint8Array(20));
    expect(isHashedName(good)).toBe(true);
    for (const field of [
      '',
      '|',
      '|1',
      '|1|',
      '|1||',
      good.slice(1),
      `${good}|`,
      `${good}A`,
      good.replace('1', '2'),
    ])
      expect(isHashedName(field), field).toBe(false);
  });
});

describe('the search for a name', () => {
  const field = (name: string, seed: number): string => hashSpelling(name, new Uint8Array(20).fill(seed));

  it('finds all the lines that hide it, among others and malformed ones', () => {
    const names = fc.array(fc.constantFrom('a', 'b', 'c', '!'), { maxLength: 400 });
    fc.assert(
      fc.property(names, (all) => {
        const hidden = new HashedNames();
        for (const [i, name] of all.entries())
          hidden.add(name === '!' ? '|1|AAAA|AAAA' : field(name, i & 255));
        for (const wanted of ['a', 'b', 'z']) {
          const places = all.flatMap((name, i) => (name === wanted ? [i] : []));
          expect(hidden.matching(wanted)).toEqual(places);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('takes what a malformed line leaves in the table for nothing', () => {
    const hidden = new HashedNames();
    for (let i = 0; i < 300; i++) hidden.add('|1|AAAA|AAAA');
    expect(hidden.matching('')).toEqual([]);
    expect(hidden.matching('a')).toEqual([]);
  });

  it('goes on where it stood when lines were added behind', () => {
    const hidden = new HashedNames();
    hidden.add(field('a', 1));
    expect(hidden.matching('a')).toEqual([0]);
    for (let i = 2; i < 200; i++) hidden.add(field(i % 50 === 0 ? 'a' : 'b', i));
    expect(hidden.matching('a')).toEqual([0, 49, 99, 149]);
  });

  it('costs two blocks a line and name, and two a line once, however often it is asked', () => {
    const hidden = new HashedNames();
    for (let i = 0; i < 1000; i++) hidden.add(field('other', i & 255));
    const block = vi.spyOn(sha1, 'sha1Block');
    const cost = (name: string): number => {
      const before = block.mock.calls.length;
      hidden.matching(name);
      return block.mock.calls.length - before;
    };
    try {
      expect(cost('a')).toBe(4000);
      expect(cost('a')).toBe(0);
      expect(cost('b')).toBe(2000);
      expect(cost('a')).toBe(0);
    } finally {
      block.mockRestore();
    }
  });

  it('shares what is done among those who search at once, in steps', () => {
    const hidden = new HashedNames();
    for (let i = 0; i < 1000; i++) hidden.add(field(i === 900 ? 'a' : 'b', i & 255));
    const searches = [1, 2, 3, 4].map(() => hidden.searchInSteps('a'));
    let rounds = 0;
    while (searches.map((search) => search.next().done).includes(false)) rounds++;
    // Each does a quarter of the 32 steps.
    expect(rounds).toBe(8);
    expect(hidden.matching('a')).toEqual([900]);
  });

  it('keeps the outcome for some thousand names, and no more', () => {
    const hidden = new HashedNames();
    hidden.add(field('h9', 1));
    for (let i = 0; i < 5000; i++) expect(hidden.matching(`h${i}`)).toEqual(i === 9 ? [0] : []);
    expect(
      (hidden as unknown as { readonly searches: Map<string, unknown> }).searches.size,
    ).toBeLessThanOrEqual(4096);
    expect(hidden.matching('h9')).toEqual([0]);
  });
});
