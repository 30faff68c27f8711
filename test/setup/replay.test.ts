import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replayOptions } from './replay.ts';

/** What a failing assertion says. */
function failureOf(options: { seed?: number; path?: string }): string {
  try {
    fc.assert(
      fc.property(fc.integer(), (value) => Math.abs(value) < 1000),
      options,
    );
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the property held');
}

describe('a property that fails', () => {
  it('names the seed and path that replay it', () => {
    expect(failureOf({})).toMatch(/Replay: FC_SEED=-?\d+ FC_PATH=[\d:]+ /);
  });

  it('fails at the first input of the replay, with the same one', () => {
    const first = failureOf({});
    const [, seed, path] = /FC_SEED=(-?\d+) FC_PATH=([\d:]+)/.exec(first) ?? [];
    const again = failureOf(replayOptions({ FC_SEED: seed, FC_PATH: path }));
    expect(again).toContain('after 1 tests');
    expect(again).toContain(/Counterexample: .*/.exec(first)?.[0]);
  });

  it('is not told what to replay where the environment says nothing', () => {
    expect(replayOptions({})).toEqual({});
    expect(replayOptions({ FC_SEED: '' })).toEqual({});
  });

  it('refuses a seed that is no number', () => {
    expect(() => replayOptions({ FC_SEED: 'twelve' })).toThrow(RangeError);
  });
});
