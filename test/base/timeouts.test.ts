/** The deadlines in force; docs/deadlines.md has the defaults. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkedTimeout,
  defaultKeepAlive,
  defaultTimeouts,
  resolveKeepAlive,
  resolveTimeouts,
  type Timeouts,
} from '../../src/base/timeouts.ts';

const names = Object.keys(defaultTimeouts) as (keyof Timeouts)[];
/** What can bound a wait: never nothing, never less. */
const bound = fc.oneof(
  fc.double({ min: Number.MIN_VALUE, noNaN: true }),
  fc.constantFrom(1, Number.MIN_VALUE, Number.POSITIVE_INFINITY),
);
const noBound = fc.oneof(
  fc.double({ max: 0, noNaN: true }),
  fc.constantFrom(0, -0, Number.NaN, Number.NEGATIVE_INFINITY, '1000', null, true),
);

describe('timeouts', () => {
  it('are those of everybody where nothing is changed', () => {
    for (const given of [undefined, {}, { connect: undefined }])
      expect(resolveTimeouts(given)).toBe(defaultTimeouts);
  });

  it('are the defaults with the changes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.option(bound, { nil: undefined })), (given) => {
        const resolved = resolveTimeouts(given);
        for (const name of names) expect(resolved[name]).toBe(given[name] ?? defaultTimeouts[name]);
      }),
    );
  });

  it('are numbers above 0, each of them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), noBound, (name, value) => {
        const words = `timeouts.${name} must be a positive number of milliseconds`;
        expect(() => resolveTimeouts({ [name]: value } as never)).toThrow(words);
        expect(() => checkedTimeout('timeout', value)).toThrow('timeout must be a positive number');
      }),
    );
    fc.assert(
      fc.property(bound, (value) => {
        expect(checkedTimeout('timeout', value)).toBe(value);
      }),
    );
    expect(() => checkedTimeout('timeout', undefined)).toThrow('timeout must be a positive number');
  });
});

describe('keep-alive', () => {
  it('is on unless it is turned off', () => {
    expect(resolveKeepAlive(undefined)).toEqual({ interval: 15_000, maxMissed: 3 });
    expect(resolveKeepAlive(true)).toBe(defaultKeepAlive);
    expect(resolveKeepAlive({})).toEqual(defaultKeepAlive);
    expect(resolveKeepAlive(false)).toBeUndefined();
  });

  it('takes one of its numbers from the defaults where only the other one is given', () => {
    expect(resolveKeepAlive({ interval: 10 })).toEqual({ interval: 10, maxMissed: 3 });
    expect(resolveKeepAlive({ maxMissed: 1 })).toEqual({ interval: 15_000, maxMissed: 1 });
    expect(resolveKeepAlive({ interval: 7.5, maxMissed: 2 ** 40 })).toEqual({
      interval: 7.5,
      maxMissed: 2 ** 40,
    });
  });

  it('never probes without an end', () => {
    for (const given of [
      { interval: 0 },
      { interval: -1 },
      { maxMissed: 0 },
      { maxMissed: 1.5 },
      { missed: 1 },
    ])
      expect(() => resolveKeepAlive(given)).toThrow(/keepAlive\.(interval|maxMissed) |"keepAlive\.missed"/);
    for (const given of [5, 'yes', null, []])
      expect(() => resolveKeepAlive(given as never)).toThrow('keepAlive must be true, false or an object');
  });
});
