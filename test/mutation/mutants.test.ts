/** Which changes are made to sources, and that the list of those without effect is about sources that exist. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { equivalentsIn, placesOf } from './equivalents.mjs';
import { applied, changeOf, mutantsOf } from './mutants.mjs';

const sample = `
import { a } from './a.ts';
export function f(n: number, known?: boolean): number {
  if (n < 3 && !known) throw new Error('too ' + 'few');
  let sum = known ?? false ? 1 : 2;
  for (let i = 0; i < n; i++) sum += i;
  a(sum);
  n satisfies number;
  return sum === n ? sum : -sum;
}`;

describe('the changes to a source', () => {
  const mutants = mutantsOf('src/a.ts', sample);
  const changes = mutants.map(changeOf);

  it.each([
    'n < 3 → n <= 3',
    'n < 3 && !known → (n < 3) || (!known)',
    'n < 3 && !known → true',
    'n < 3 && !known → false',
    '!known → known',
    "throw new Error('too ' + 'few'); → ;",
    'known ?? false → known',
    'false → true',
    'i < n → false',
    'i++ → i--',
    'sum += i → sum -= i',
    'a(sum); → ;',
    'sum === n → sum !== n',
    '3 → 4',
  ])('have: %s', (change) => {
    expect(changes).toContain(change);
  });

  it('leave texts, types and imports alone', () => {
    for (const mutant of mutants) {
      const changed = applied(sample, mutant);
      expect(changed).not.toBe(sample);
      expect(changed).toContain("import { a } from './a.ts';");
      expect(changed).toContain('(n: number, known?: boolean): number');
      expect(changed).toContain('n satisfies number;');
      expect(mutant.original).not.toBe("'too ' + 'few'");
    }
  });

  it('say the line they are in', () => {
    expect(mutants.find((mutant) => changeOf(mutant) === 'a(sum); → ;')).toMatchObject({
      line: 7,
      text: 'a(sum);',
    });
  });
});

describe('the list of changes without effect', () => {
  const mutants = mutantsOf('src/a.ts', 'f(0);\nf(0);\nf(1);\n');
  const linesOf = (change: string): number[] => {
    const [line] = equivalentsIn(`# words\n\nsrc/a.ts ¦ f(0); ¦ ${change} ¦ a reason\n`);
    if (line === undefined) throw new Error('it has a line');
    return placesOf(line, mutants).map((mutant) => mutant.line);
  };

  it('is about one place of several, or about each where it says so', () => {
    expect(linesOf('0 → 1 (1 of 2)')).toEqual([1]);
    expect(linesOf('0 → 1 (2 of 2)')).toEqual([2]);
    expect(linesOf('0 → 1 (each of 2)')).toEqual([1, 2]);
  });

  it.each(['0 → 1', '0 → 1 (each of 3)', '0 → 1 (1 of 1)', '0 → 1 (3 of 2)', '0 → 2 (1 of 2)', '0 → 2'])(
    'refuses a line that is about other places than it says: %s',
    (change) => {
      expect(() => linesOf(change)).toThrow('src/a.ts');
    },
  );

  it('has a reason for each', () => {
    expect(() => equivalentsIn('src/a.ts ¦ f(0); ¦ 0 → 1')).toThrow('no reason for src/a.ts');
  });

  const root = new URL('../../', import.meta.url);
  const list = equivalentsIn(readFileSync(new URL('test/mutation/equivalent.txt', root), 'utf8'));

  it.each(list.map((line) => [`${line.path}: ${line.change} in ${line.text}`, line] as const))(
    'is about places that there are: %s',
    (_name, line) => {
      const all = mutantsOf(line.path, readFileSync(new URL(line.path, root), 'utf8'));
      expect(placesOf(line, all).length).toBeGreaterThan(0);
    },
  );
});
