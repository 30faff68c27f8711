/** The tables of hostile peers and of fine points: complete, and true to the tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

/** A feature that some rows wait for, and what of it in the sources would show that it has come. */
const features: Readonly<Record<string, RegExp>> = {
  'group exchange': /'diffie-hellman-group-exchange-sha256'/,
  sntrup761: /'sntrup761x25519-sha512'/,
  compression: /'zlib@openssh\.com'/,
  'the agent': /SSH_AUTH_SOCK|SSH_AGENTC_|SSH_AGENT_/,
  'host certificates': /export interface Certificate\b/,
  'host key rotation': /'hostkeys-00@openssh\.com'.*(?:case|===)|learnHostKeys|updateHostKeys/,
  'forwarding listeners': /forwardIn\(|listenTcp\(|forwardRemote\(/,
  SFTP: /SSH_FXP_INIT/,
};

interface Row {
  readonly number: number;
  readonly sources: readonly string[];
  readonly tests: readonly { readonly title: string; readonly file: string }[];
  readonly due: readonly string[];
}

function rowsOf(document: string): Row[] {
  return document
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line))
    .map((line) => {
      const cells = line.slice(1, -1).split('|');
      const [number = '', source = ''] = cells;
      const last = cells.at(-1) ?? '';
      return {
        number: Number(number),
        sources: source.split(',').map((each) => each.trim()),
        tests: [...last.matchAll(/“(.+?)” in `([^`]+)`/g)].map(([, title = '', file = '']) => ({
          title,
          file,
        })),
        due: [...last.matchAll(/due with ([\w -]+?)(?=$|[;,.]| *$)/g)].map(([, feature = '']) =>
          feature.trim(),
        ),
      };
    });
}

/** The titles of a file: the first argument of `it`, `describe` and of what `each` returns. */
function titlesIn(source: string): string[] {
  const calls =
    /(?:\b(?:it|describe)|\))\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`),/g;
  return [...source.matchAll(calls)].map(([, a, b, c]) => (a ?? b ?? c ?? '').replace(/\\(['"`])/g, '$1'));
}

/** The tests that a text names. */
function testsIn(text: string): { readonly title: string; readonly file: string }[] {
  return [...text.matchAll(/“(.+?)” in `([^`]+)`/g)].map(([, title = '', file = '']) => ({ title, file }));
}

function problemsOf(document: string, count: number, files: (path: string) => string): string[] {
  const rows = rowsOf(document);
  const problems: string[] = [];
  const numbers = rows.map(({ number }) => number);
  const expected = Array.from({ length: count }, (_, index) => index + 1);
  if (numbers.join() !== expected.join()) problems.push(`rows are ${numbers.join()}`);
  for (const { number, sources, tests, due } of rows) {
    if (tests.length === 0 && due.length === 0) problems.push(`${number} has no test and is not due`);
    for (const { title, file } of tests) {
      const source = files(`test/${file}.test.ts`);
      if (!titlesIn(source).includes(title)) problems.push(`${number}: ${file} has no “${title}”`);
      if (/\b(?:it|describe)\.(?:skip|todo|only|fails)\b/.test(source))
        problems.push(`${number}: ${file} leaves tests out`);
    }
    const isNamed = tests.some(({ title }) => sources.some((source) => title.includes(source)));
    if (tests.length > 0 && !isNamed && !sources.includes('several implementations')) {
      problems.push(`${number}: no test is named after ${sources.join(', ')}`);
    }
    for (const feature of due) {
      const sign = features[feature];
      if (sign === undefined) problems.push(`${number}: “${feature}” is no feature that rows wait for`);
      else if (sign.test(everySource))
        problems.push(`${number}: ${feature} is here; write its test and name it`);
    }
  }
  return problems;
}

const everySource = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(`src/${path}`))
  .join('\n');

describe('SECURITY.md', () => {
  /** `## What is defended` up to the next heading, a paragraph for each thing. */
  const defended = (/## What is defended.*\n([\s\S]*?)\n## /.exec(read('SECURITY.md'))?.[1] ?? '')
    .trim()
    .split('\n\n')
    .slice(1);

  it.each(defended.map((text) => [/\*\*(.*?)\*\*/.exec(text)?.[1] ?? text.slice(0, 40), text]))(
    '%s is held by tests that exist',
    (_what, text) => {
      const tests = testsIn(text);
      expect(tests.length).toBeGreaterThan(0);
      for (const { title, file } of tests)
        expect(titlesIn(read(`test/${file}.test.ts`)), file).toContain(title);
    },
  );

  it('no code is made at run time', () => {
    expect(everySource).not.toMatch(/\beval\(|new Function\(/);
  });

  it('says how to report, what is defended, what it costs, what was wrong and what is not defended', () => {
    const headings = [...read('SECURITY.md').matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([
      'Reporting',
      'Who is trusted with what',
      'What is defended, and how',
      'What a peer can cost',
      'What was wrong in 0.1.0',
      'What is not defended',
    ]);
    expect(defended.length).toBeGreaterThan(10);
  });
});

describe('the table', () => {
  it.each([
    ['docs/hostile-peers.md', 78],
    ['docs/conformance.md', 53],
  ])('%s has every row, and each has its tests', (path, count) => {
    expect(problemsOf(read(path), count, read)).toEqual([]);
  });

  it('is checked: each thing that can be wrong in a row is told', () => {
    const check = (row: string, file = "it('RFC 1: a', () => {"): string[] =>
      problemsOf(`| 1 | RFC 1 | x | ${row} |`, 1, () => file);
    expect(check('“RFC 1: a” in `x`')).toEqual([]);
    expect(check('due with SFTP')).toEqual(SFTPIsHere() ? [expect.stringContaining('is here')] : []);
    expect(check('')).toEqual(['1 has no test and is not due']);
    expect(check('“RFC 1: b” in `x`')).toEqual(['1: x has no “RFC 1: b”']);
    expect(check('“a” in `x`', "it('a', () => {")).toEqual(['1: no test is named after RFC 1']);
    expect(check('“RFC 1: a” in `x`', "it.skip('q', f); it('RFC 1: a', () => {")).toEqual([
      '1: x leaves tests out',
    ]);
    expect(check('due with flying')).toEqual(['1: “flying” is no feature that rows wait for']);
    expect(problemsOf('| 2 | a | x | due with SFTP |', 1, () => '')).toContain('rows are 2');
    expect(titlesIn('it.each([1])("a \\"b\\"", f); it(`c %d`, f); it(x, f)')).toEqual(['a "b"', 'c %d']);
  });
});

function SFTPIsHere(): boolean {
  return features['SFTP']?.test(everySource) ?? false;
}
