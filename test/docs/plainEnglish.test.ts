/** Words and turns that make a reader stop. What people read avoids them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

/** Each with what to write in its place. */
const avoided: readonly (readonly [RegExp, string])[] = [
  [/\bwhoever\b/i, 'name the person or the program'],
  [/\blets? go of\b/i, 'frees'],
  [/\bof which\b/i, 'begin another sentence'],
  [/\banything but\b/i, 'say what it does'],
  [/\bin the midst\b/i, 'during'],
  [/\bbesides\b/i, 'also'],
  [/\ball the same\b/i, 'still'],
  [/\bsince (?:\d+(?:\.\d+)? ?(?:ms|s|min|h)\b|\$\{duration)/i, 'for 3.8 s'],
  [/\bnor (?:is|are|does|do|has|have)\b/i, 'begin another sentence, subject first'],
  [/\b(?:is|are) to be \w+ed\b/i, 'say who does it'],
  [/\bso to speak\b/i, 'leave it out'],
  [/\b(?:thereof|whereby|wherein|thereby|heretofore|hereby)\b/i, 'say it in two sentences'],
  [/\bthe more so\b/i, 'leave it out'],
  [/\bas it were\b/i, 'leave it out'],
];

/** Text of a document that is prose or printed by a program: no code, no titles of tests in quotes. */
function proseOf(markdown: string): string {
  return markdown
    .replace(/```(?!text\n)\w*\n[\s\S]*?```/g, '')
    .replace(/`[^`\n]*`/g, '')
    .replace(/“[^”]*”/g, '');
}

/** What to mend, as `line: turn: what to write`. */
function turnsIn(text: string): string[] {
  return text.split('\n').flatMap((line, index) =>
    avoided.flatMap(([turn, instead]) => {
      const found = turn.exec(line);
      return found === null ? [] : [`line ${index + 1}: “${found[0]}”: ${instead}`];
    }),
  );
}

const documents = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/README.md',
  ...readdirSync(`${root}docs`)
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** Comments and messages: all text of a source file. */
const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

describe('plain English', () => {
  it('in every file of src', () => {
    expect(sources.length).toBeGreaterThan(500);
    const found = sources.flatMap((file) =>
      turnsIn(read(`src/${file}`)).map((turn) => `src/${file}: ${turn}`),
    );
    expect(found).toEqual([]);
  });

  it('in the doc comment of each option with a default, which says that it is one', () => {
    const bare = /[.;] (?:`[^`\n]+`|\d[\d,]*(?: [KMG]iB)?)\.?\s*\*\/\n\s+readonly \w+\?/;
    expect('/** Files at once. 32 */\n  readonly concurrency?: number').toMatch(bare);
    expect(sources.filter((file) => bare.test(read(`src/${file}`)))).toEqual([]);
  });

  it.each(documents)('in %s', (path) => {
    const text = read(path);
    expect(text.length).toBeGreaterThan(0);
    expect(turnsIn(proseOf(text))).toEqual([]);
  });

  it('is missed where a turn stands, and not in code or in the title of a test', () => {
    const text = 'One, of which two.\n`of which` “of which”\n```\nof which\n```\nIt waits since 3.8 s.';
    expect(turnsIn(proseOf(text))).toEqual([
      'line 1: “of which”: begin another sentence',
      expect.stringContaining('“since 3.8 s”: for 3.8 s'),
    ]);
  });
});
