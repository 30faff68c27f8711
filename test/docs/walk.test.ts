/** The walk of a byte and the life of a dial name files: these exist, and hand things on to each other. */
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf, sourceFiles } from '../architecture/sources.ts';
import { codesIn, tableBelow } from './markdown.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

const imports: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  sourceFiles(root).map(({ path, text }) => [
    path,
    new Set(
      importsOf(text)
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => posix.join(posix.dirname(path), specifier)),
    ),
  ]),
);

/** One of the two imports the other, or they are one. */
function know(one: string, other: string): boolean {
  const importsIt = (from: string, to: string): boolean => imports.get(from)?.has(to) ?? false;
  return one === other || importsIt(one, other) || importsIt(other, one);
}

/** Links of a document to files of the project: what they say and where they lead. */
function fileLinks(document: string): { readonly text: string; readonly path: string }[] {
  return [...read(document).matchAll(/\[([^\]]+)\]\(((?:\.\.\/)?src\/[^)#]+)\)/g)].map(
    ([, text = '', path = '']) => ({ text, path: posix.join(posix.dirname(document), path) }),
  );
}

describe.each(['docs/architecture.md', 'CONTRIBUTING.md'])('%s', (document) => {
  it('links to source files that exist, by their names', () => {
    const links = fileLinks(document);
    expect(links.length).toBeGreaterThan(10);
    for (const { text, path } of links) {
      expect([path, existsSync(`${root}${path}`)]).toEqual([path, true]);
      expect(path.endsWith(text.replaceAll('`', ''))).toBe(true);
    }
  });
});

describe.each([
  ['### The walk of a byte', ['socket', 'driver', 'reader', 'core', 'queue', 'opener', 'gate']],
  ['### The way back of its window', ['stream', 'port', 'door', 'channel', 'window']],
] as const)('%s', (heading, first) => {
  const rows = tableBelow(read('docs/architecture.md'), heading).map(([step = '', file, , by]) => ({
    step,
    file: codesIn(file)[0] ?? '',
    by: codesIn(by)[0],
  }));

  it('passes each file once', () => {
    expect(rows.map(({ step }) => step).slice(0, first.length)).toEqual(first);
    const files = rows.map(({ file }) => file);
    expect(new Set(files).size).toBe(files.length);
    for (const file of files) expect([file, imports.has(file)]).toEqual([file, true]);
  });

  it('goes from each file to one that it knows, or by one that both know', () => {
    expect(rows.length).toBeGreaterThan(first.length);
    for (const [index, { file, by }] of rows.slice(0, -1).entries()) {
      const next = rows[index + 1]?.file ?? '';
      const handedOn = by === undefined ? know(file, next) : know(file, by) && know(by, next);
      expect([file, next, handedOn]).toEqual([file, next, true]);
    }
  });
});
