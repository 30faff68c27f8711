/** The map that is not there while it is empty. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LazyMap } from '../../src/base/lazyMap.ts';

const key = fc.nat(5);
const step = fc.oneof(
  fc.record({ what: fc.constant('set' as const), key, value: fc.nat(99) }),
  fc.record({ what: fc.constantFrom('delete' as const, 'take' as const, 'get' as const), key }),
  fc.record({ what: fc.constantFrom('clear' as const, 'values' as const), key }),
);

it('does what a map does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const map = new Map<number, number>();
      const lazy = new LazyMap<number, number>();
      for (const one of steps) {
        if (one.what === 'set') {
          map.set(one.key, one.value);
          lazy.set(one.key, one.value);
        } else if (one.what === 'delete') {
          expect(lazy.delete(one.key)).toBe(map.delete(one.key));
        } else if (one.what === 'take') {
          expect(lazy.take(one.key)).toBe(map.get(one.key));
          map.delete(one.key);
        } else if (one.what === 'clear') {
          map.clear();
          lazy.clear();
        }
        expect(lazy.get(one.key)).toBe(map.get(one.key));
        expect(lazy.values()).toEqual([...map.values()]);
        expect(lazy.size).toBe(map.size);
      }
    }),
  );
});

it('gives the values as they are now, so that entries may come and go meanwhile', () => {
  const lazy = new LazyMap<string, number>();
  lazy.set('a', 1);
  lazy.set('b', 2);
  const seen: number[] = [];
  for (const value of lazy.values()) {
    seen.push(value);
    lazy.delete('b');
    lazy.set('c', 3);
  }
  expect(seen).toEqual([1, 2]);
  expect(lazy.values()).toEqual([1, 3]);
});

it('holds nothing once the last entry is gone', () => {
  const lazy = new LazyMap<string, number>();
  expect(Object.values(lazy)).toEqual([undefined]);
  lazy.set('a', 1);
  expect(Object.values(lazy)).toEqual([new Map([['a', 1]])]);
  lazy.take('a');
  expect(Object.values(lazy)).toEqual([undefined]);
});
