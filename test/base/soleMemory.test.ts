/** Memory that has one holder, and what a system says it has too little of. */
import { describe, expect, it } from 'vitest';
import { reasonOf, shortageIn } from '../../src/base/shortage.ts';
import { isSole, markSole, unmarkSole } from '../../src/base/soleMemory.ts';

describe('memory with one holder', () => {
  it('is what was marked, until it goes two ways', () => {
    const [one, other] = [new Uint8Array(8192), new Uint8Array(8192)];
    markSole(one);
    expect([isSole(one), isSole(other)]).toEqual([true, false]);
    expect(isSole(one.subarray(5, 6))).toBe(true);
    unmarkSole(one.subarray(1));
    expect(isSole(one)).toBe(false);
  });

  it('is not looked after where there is little of it', () => {
    const small = new Uint8Array(8191);
    markSole(small);
    expect(isSole(small)).toBe(false);
  });
});

describe('a shortage', () => {
  const failed = (code: unknown, message = 'it failed'): Error => Object.assign(new Error(message), { code });

  it('is known by the code of the system, and what to do is said', () => {
    for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']) {
      const shortage = shortageIn(failed(code));
      expect(shortage).toMatch(/no |used up/);
      expect(reasonOf(failed(code))).toBe(`: it failed; ${shortage}`);
    }
  });

  it('is in no other error', () => {
    for (const error of [failed('ECONNREFUSED'), failed('toString'), failed(5), failed(undefined)]) {
      expect(shortageIn(error)).toBeUndefined();
      expect(reasonOf(error)).toBe(': it failed');
    }
    for (const error of [undefined, null, 'EMFILE', 5]) {
      expect(shortageIn(error)).toBeUndefined();
      expect(reasonOf(error)).toBe('');
    }
  });
});
