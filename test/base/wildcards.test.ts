/**
 * Patterns with `*` and `?`.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../src/base/wildcards.ts';

describe('a pattern', () => {
  it('matches as the regular expression of the same meaning', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    fc.assert(
      fc.property(text, letters, (name, pattern) => {
        const expression = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(matchesPattern(name, pattern)).toBe(new RegExp(`^${expression}$`).test(name));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['b', '*b'])(
    'with hundreds of stars and %s behind them is not tried in all the ways there are',
    (end) => {
      // In all the ways there are this would not end.
      expect(matchesPattern('a'.repeat(5_000), `${'*a'.repeat(500)}${end}`)).toBe(false);
    },
  );
});
