/** Long work in slices: the event loop goes on, everybody gets a share, and all of them together have one. */
import { describe, expect, it, vi } from 'vitest';
import { inSlices } from '../../src/node/slices.ts';

/** Work of so many steps, each of which takes a millisecond by the clock that is given. */
function* work(name: string, steps: number, log: string[], step: () => void): Generator<void, string> {
  for (let i = 0; i < steps; i++) {
    log.push(name);
    step();
    yield;
  }
  return name;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('work in slices', () => {
  it('is done at once where one step is all, and brings what it comes to', async () => {
    const log: string[] = [];
    const done = inSlices(work('a', 0, log, () => {}));
    expect(await Promise.race([done, turn().then(() => 'late')])).toBe('a');
  });

  it('of many takes two milliseconds of a turn together, a step of each in turn', async () => {
    let now = 1000;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      const log: string[] = [];
      const all = ['a', 'b', 'c', 'd'].map((name) =>
        inSlices(
          work(name, 6, log, () => {
            now++;
          }),
        ),
      );
      // The first step of each is done by whoever brings it.
      expect(log.splice(0)).toEqual(['a', 'b', 'c', 'd']);
      const turns: string[][] = [];
      while (turns.flat().length < 20) {
        await turn();
        const done = log.splice(0);
        if (done.length > 0) turns.push(done);
      }
      expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
      expect(turns.slice(0, 3)).toEqual([
        ['a', 'b'],
        ['c', 'd'],
        ['a', 'b'],
      ]);
      expect(Math.max(...turns.map(({ length }) => length))).toBe(2);
    } finally {
      clock.mockRestore();
    }
  });

  it('that fails rejects, and harms no other', async () => {
    const log: string[] = [];
    const fault = new Error('in the middle');
    const failing = inSlices(
      (function* () {
        yield;
        yield;
        throw fault;
      })(),
    );
    const other = inSlices(work('b', 5, log, () => {}));
    await expect(failing).rejects.toBe(fault);
    expect(await other).toBe('b');
    expect(log).toHaveLength(5);
  });
});
