import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { externalImports, sourceFiles } from '../architecture/sources.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  readonly type: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Lockfile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly resolved?: string;
        readonly dev?: boolean;
        readonly hasInstallScript?: boolean;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;

/** The source that a file of `dist` is built from. */
const sourceOf = (target: string): string => target.replace(/^(\.\/)?dist\//, 'src/').replace(/\.js$/, '.ts');

describe('package.json', () => {
  const entries = Object.entries(manifest.exports).filter(([name]) => name !== './package.json');

  it('exports one module for each file of src/entry, by the same name', () => {
    const expected = readdirSync(`${root}src/entry`)
      .map((file) => file.replace(/\.ts$/, ''))
      .map((name) => [name === 'index' ? '.' : `./${name}`, `./dist/entry/${name}.js`]);
    expect(entries.sort()).toEqual(expected.sort());
  });

  it('lists each command whose source exists, and no other', () => {
    const mains = readdirSync(`${root}src/cli`).filter((file) => /^(?:main|\w+Main)\.ts$/.test(file));
    const targets = Object.values(manifest.bin ?? {});
    expect(targets.map(sourceOf).sort()).toEqual(mains.map((file) => `src/cli/${file}`).sort());
    for (const target of targets) expect(read(sourceOf(target))).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('is for ESM on Node 20.19 and later', () => {
    expect(manifest.type).toBe('module');
    expect(manifest.engines.node).toBe('>=20.19');
  });

  it('ships what is built, documents and examples, and no source, test or fixture', () => {
    const folders = new Set(manifest.files.map((pattern) => pattern.split('/')[0]));
    expect([...folders].filter((name) => !name?.endsWith('.md'))).toEqual([
      'dist',
      'docs',
      'examples',
      'bench',
    ]);
    expect(manifest.files).toContain('bench/README.md');
  });

  it('ships whatever the README links to, so that each link works in an installed package', () => {
    const shipped = manifest.files.map(
      (pattern) => new RegExp(`^${pattern.replaceAll('.', '\\.').replace('*', '[^/]+')}(?:/|$)`),
    );
    const links = [...read('README.md').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
    expect(links.length).toBeGreaterThan(30);
    expect(links.filter((path) => !existsSync(`${root}${path}`))).toEqual([]);
    expect(links.filter((path) => !shipped.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  it('runs nothing when it is installed', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare'];
    expect(hooks.filter((hook) => hook in manifest.scripts)).toEqual([]);
    const shipped = Object.entries(lockfile.packages).filter(
      ([name, { dev }]) => name !== '' && dev !== true,
    );
    expect(shipped.length).toBeGreaterThan(0);
    expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
  });

  it('depends on the packages that src imports and on no others', () => {
    const imported = new Set(
      sourceFiles(root).flatMap(({ text }) =>
        externalImports(text)
          .filter((specifier) => !specifier.startsWith('node:'))
          .map(packageOf),
      ),
    );
    expect(Object.keys(manifest.dependencies).sort()).toEqual([...imported].sort());
  });

  it('lists no tool that nothing uses', () => {
    const scripts = Object.values(manifest.scripts).join('\n');
    const folders = ['test', 'bench', 'examples'].filter((folder) => existsSync(`${root}${folder}`));
    const texts = folders.flatMap((folder) => sourceFiles(root, folder)).map(({ text }) => text);
    const imported = new Set([...texts, read('vitest.config.ts')].flatMap(packagesOf));
    const unused = Object.keys(manifest.devDependencies).filter((name) => {
      if (name === '@types/node') return false;
      const programs = programsOf[name];
      if (programs !== undefined) return !programs.some((program) => scripts.includes(program));
      return !imported.has(name.replace(/^@types\//, ''));
    });
    expect(unused).toEqual([]);
  });
});

describe('package-lock.json', () => {
  it('is of this package.json', () => {
    const own = lockfile.packages[''];
    expect(own).toMatchObject({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  });

  it('holds what each package needs on any platform, or npm ci refuses it', () => {
    const missing = Object.entries(lockfile.packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter(
        (name) =>
          !(`${path}/node_modules/${name}` in lockfile.packages) &&
          !(`node_modules/${name}` in lockfile.packages),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry', () => {
    const resolved = Object.entries(lockfile.packages).filter(([, entry]) => entry.resolved !== undefined);
    expect(resolved).toEqual([]);
  });
});

/** Tools that are run, not imported, and the commands they bring. */
const programsOf: Readonly<Record<string, readonly string[]>> = {
  '@arethetypeswrong/cli': ['attw '],
  '@biomejs/biome': ['biome '],
  knip: ['knip'],
  publint: ['publint '],
  // By its programming interface: its command lists every file that it writes.
  rolldown: ['bundle.mjs'],
  typescript: ['tsc '],
};

/** The packages a file imports, or requires where a package is no ES module. */
function packagesOf(text: string): string[] {
  const required = text.matchAll(/createRequire\([^)]*\)\('([^']+)'\)/g);
  return [...externalImports(text), ...[...required].map(([, specifier]) => specifier ?? '')].map(packageOf);
}

/** `@scope/name` or `name` of an import's specifier. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
