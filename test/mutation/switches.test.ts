/** A change that is switched on does what the changed source does, and all others do nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import vm from 'node:vm';
import { transformWithOxc } from 'vite';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';
import { applied, changeOf, mutantsOf } from './mutants.mjs';
import { ownPreamble, withPreamble, withSwitches } from './switches.mjs';

const root = new URL('../../', import.meta.url);

const sample = `
const least = 2;
class Counter {
  private seen = 0;
  public next(step: number = 1): number {
    this.seen += step;
    return this.seen;
  }
}
export function result(n: number, given?: number): unknown {
  if ((n < least || n > 40) && !(given === undefined || given > 3)) throw new Error('too few');
  let sum = (given ?? n) ? 1 : 2;
  const counter = new Counter();
  for (let i = 0; i < n; i++) if (i % 2 === 0) sum += counter.next(i);
  const twice = (value: number): number => value * 2;
  outer: for (const each of [1, 2, 3]) {
    if (each > sum) continue outer;
    else sum -= each;
  }
  return { sum: sum === n ? [twice(sum)] : -sum, odd: (sum & 1) === 1 };
}`;

interface Switches {
  active: number;
  steps: number;
  limit: number;
  hits: Uint8Array;
}

/** What a text makes of inputs, each as text: the value, or the error. */
async function resultsOf(text: string, active = -1): Promise<string[]> {
  const limit = 1000;
  const switches: Switches = { active, steps: 0, limit, hits: new Uint8Array(1000) };
  const { code } = await transformWithOxc(text, 'sample.ts', {});
  const context = vm.createContext({ __mutation: switches });
  const result = vm.runInContext(`${code.replaceAll('export ', '')}\nresult`, context);
  const inputs = [[0], [1, 0], [1, 9], [2], [3, 4], [4, 2], [5, 0], [7, 9], [41, 1]];
  return inputs.map((input) => {
    switches.steps = 0;
    try {
      return JSON.stringify(result(...input));
    } catch (error) {
      return String(error);
    }
  });
}

describe('a source with switches', () => {
  const numbered = (text: string, first: number) =>
    mutantsOf('src/sample.ts', text).map((mutant, index) => ({ ...mutant, number: first + index }));
  const mutants = numbered(sample, 0);
  const switched = withPreamble(ownPreamble, withSwitches(sample, mutants));
  /** With steps counted, as a change may make a loop endless; its own changes are never on. */
  const counted = (text: string): string =>
    withPreamble(ownPreamble, withSwitches(text, numbered(text, 100)));

  it('does what the source does while none is on', async () => {
    expect(await resultsOf(switched)).toEqual(await resultsOf(sample));
    expect(await resultsOf(switched, mutants.length)).toEqual(await resultsOf(sample));
  });

  it.each(mutants.map((mutant, index) => [changeOf(mutant), mutant, index] as const))(
    'has: %s',
    async (_, mutant, index) => {
      expect(await resultsOf(switched, index)).toEqual(await resultsOf(counted(applied(sample, mutant))));
    },
  );

  it('has changes that show, of every kind', async () => {
    const usual = await resultsOf(sample);
    const showing = new Set<string>();
    for (const [index, { kind }] of mutants.entries()) {
      if (String(await resultsOf(switched, index)) !== String(usual)) showing.add(kind);
    }
    expect([...showing].sort()).toEqual([...new Set(mutants.map(({ kind }) => kind))].sort());
    expect(showing.size).toBeGreaterThan(8);
  });
});

it('every source of this project is one still with its switches', { timeout: 120_000 }, () => {
  const paths = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' });
  const sources = paths.filter((path) => path.endsWith('.ts')).map((path) => `src/${path}`);
  expect(sources.length).toBeGreaterThan(500);
  let count = 0;
  for (const path of sources) {
    const code = readFileSync(new URL(path, root), 'utf8');
    const mutants = mutantsOf(path, code);
    const numbered = mutants.map((mutant) => ({ ...mutant, number: count++ }));
    const text = withPreamble(ownPreamble, withSwitches(code, numbered));
    expect(() => parseAst(text, { lang: 'ts' }), path).not.toThrow();
  }
  expect(count).toBeGreaterThan(30_000);
});
