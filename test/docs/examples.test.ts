import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from '../architecture/sources.ts';
import { examplesIn, typeErrorsOf } from './examples.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const documents = [
  ...readdirSync(root),
  ...(existsSync(`${root}docs`) ? readdirSync(`${root}docs`).map((name) => `docs/${name}`) : []),
]
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, text: readFileSync(`${root}${path}`, 'utf8') }));

describe('the examples', () => {
  it('of the documents and docstrings compile', () => {
    const examples = [...documents, ...sourceFiles(root)].flatMap(({ path, text }) => examplesIn(path, text));
    expect(examples.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['README.md', 'src/client/client.ts', 'src/entry/index.ts']),
    );
    expect(typeErrorsOf(root, examples)).toBe('');
  });
});

describe('an example', () => {
  const fenced = (code: string): string =>
    `# Title\n\n\`\`\`ts\n${code}\n\`\`\`\n\n\`\`\`sh\nnpm ci\n\`\`\`\n`;

  it('is found in a document, by its line', () => {
    expect(examplesIn('a.md', fenced('const a = 1;\n\nconst b = 2;'))).toEqual([
      { path: 'a.md', line: 4, code: 'const a = 1;\n\nconst b = 2;' },
    ]);
  });

  it('is found in a comment, without its margin', () => {
    const text = '/**\n * @example\n * ```ts\n * if (a) {\n *   b();\n *\n * }\n * ```\n */\n';
    expect(examplesIn('a.ts', text)).toEqual([{ path: 'a.ts', line: 4, code: 'if (a) {\n  b();\n\n}' }]);
  });

  it('is found in the comment of a method', () => {
    const text = 'class A {\n  /**\n   * ```ts\n   * a();\n   * ```\n   */\n  a() {}\n}\n';
    expect(examplesIn('a.ts', text)).toEqual([{ path: 'a.ts', line: 4, code: 'a();' }]);
  });

  it('that does not end is an error', () => {
    expect(() => examplesIn('a.md', '```ts\nconst a = 1;\n')).toThrow('a.md:2');
  });

  it('that does not fit the package is an error in its own line', () => {
    const examples = examplesIn(
      'docs/a.md',
      fenced("import { connect } from 'deadline-ssh';\n\nawait connect({ hots: 'a' });"),
    );
    const errors = typeErrorsOf(root, examples);
    expect(errors).toContain("'hots' does not exist");
    expect(errors).toMatch(/docs__a\.md__4\.ts\(6,\d+\)/);
  });

  it('may import every entry by name', () => {
    const names = readdirSync(`${root}src/entry`).map((file) => file.replace(/\.ts$/, ''));
    const code = names
      .map((name, i) => `export * as entry${i} from 'deadline-ssh${name === 'index' ? '' : `/${name}`}';`)
      .join('\n');
    expect(typeErrorsOf(root, examplesIn('a.md', fenced(code)))).toBe('');
  });
});
