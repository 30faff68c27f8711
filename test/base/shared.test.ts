import { describe, expect, it } from 'vitest';
import { SharedObjects } from '../../src/base/shared.ts';

describe('shared objects', () => {
  it('are made once for a key', () => {
    const shared = new SharedObjects<{ readonly key: string }>();
    const make = (key: string) => shared.get(key, () => ({ key }));
    expect(make('a')).toBe(make('a'));
    expect(make('a')).not.toBe(make('b'));
    expect(make('b')).toEqual({ key: 'b' });
  });

  it('are not remembered where making one throws', () => {
    const shared = new SharedObjects<object>();
    expect(() =>
      shared.get('a', () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(shared.get('a', () => ({ made: true }))).toEqual({ made: true });
  });

  it('a peer that makes up keys is not remembered without bound', () => {
    const shared = new SharedObjects<object>();
    const first = shared.get('first', () => ({}));
    for (let i = 0; i < 1000; i++) shared.get(`key ${i}`, () => ({}));
    expect(shared.get('first', () => ({}))).not.toBe(first);
    const long = 'x'.repeat(10_000);
    expect(shared.get(long, () => ({}))).not.toBe(shared.get(long, () => ({})));
  });
});
