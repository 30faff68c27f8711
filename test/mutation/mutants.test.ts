/** Which changes are made to sources, and that the list of those without effect is about sources that exist. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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

describe('each change in the list of those without effect', () => {
  const root = new URL('../../', import.meta.url);
  const lines = readFileSync(new URL('test/mutation/equivalent.txt', root), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  it.each(lines)('is one of its source, and has a reason: %s', (line) => {
    const [path = '', text, change, reason = ''] = line.split(' ¦ ');
    expect(reason).not.toBe('');
    const mutants = mutantsOf(path, readFileSync(new URL(path, root), 'utf8'));
    expect(mutants.map((mutant) => [mutant.text, changeOf(mutant)])).toContainEqual([text, change]);
  });
});
