/** `npm run coverage` on a small project of which it is known what runs: in its tests, in a child process, and not at all. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

const files = {
  'src/tested/size.ts': `export interface Shape {
  readonly size: number;
}
export function sizeOf(shape: Shape): string {
  if (shape.size > 3) {
    return 'large';
  }
  return 'small';
}
`,
  'src/child/main.ts': `import { named } from './named.ts';

process.stdout.write(named(Number(process.argv[2])));
`,
  'src/child/named.ts': `export function named(value: number): string {
  if (value === 1) {
    return 'one';
  }
  return 'another';
}
/** The bundler leaves it out. */
export function unused(): string {
  return 'never';
}
`,
  'src/nobody/imports.ts': `export function thisOne(): number {
  return 4;
}
`,
  'src/nobody/types.ts': 'export type Name = string;\n',
  'test/sample.test.ts': `
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { sizeOf } from '../src/tested/size.ts';

it('size', () => {
  expect(sizeOf({ size: 1 })).toBe('small');
});
it('child', () => {
  const bundler = ['node_modules/rolldown/bin/cli.mjs', 'src/child/main.ts', '--dir', 'dist', '--sourcemap'];
  expect(spawnSync(process.execPath, bundler).status).toBe(0);
  expect(spawnSync(process.execPath, ['dist/main.js', '1'], { encoding: 'utf8' }).stdout).toBe('one');
});
`,
  'package.json': '{ "type": "module" }\n',
  'vitest.config.ts': 'export default {};\n',
};

describe('the coverage of a small project', () => {
  let folder: string;
  let table: string;
  let missing: string[];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dlssh-covering-'));
    for (const name of ['test/covering', 'test/setup/fastCheck.ts', 'test/setup/replay.ts']) {
      cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const env = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^(VITEST|TEST$|NODE_OPTIONS$|NODE_V8|COVERAGE)/.test(name),
      ),
    );
    const run = spawnSync(process.execPath, ['test/covering/run.mjs', 'test/sample.test.ts'], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(run.stdout + run.stderr);
    table = run.stdout.slice(run.stdout.indexOf('of the lines with code'));
    missing = readFileSync(join(folder, '.tmp/coverage/lines.txt'), 'utf8').trim().split('\n');
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('names the lines that nothing ran: in a test, in a child process, in what nobody imports', () => {
    expect(missing).toEqual([
      'src/child/main.ts: ',
      // Of the function that ran, what was not reached; of the other, all, though the bundle has it not.
      'src/child/named.ts: 5 8 9',
      'src/nobody/imports.ts: 1 2',
      'src/tested/size.ts: 6',
    ]);
  });

  it('has a row for each folder with code, and one for all', () => {
    const rows = [...table.matchAll(/^(\w+) +(\d+) of +(\d+) +([\d.]+) %$/gm)].map(
      ([, name, ran, all, share]) => ({ name, ran: Number(ran), all: Number(all), share: Number(share) }),
    );
    expect(rows.map(({ name }) => name)).toEqual(['child', 'nobody', 'tested', 'all']);
    const [child, nobody, tested, sum] = rows;
    expect(nobody).toMatchObject({ ran: 0 });
    expect(child?.ran).toBeGreaterThan(0);
    expect(tested?.ran).toBeGreaterThan(0);
    const lacking = missing.map((line) => line.split(': ')[1]?.split(' ').filter(Boolean).length ?? 0);
    const [main = 0, named = 0, imports = 0, size = 0] = lacking;
    expect(child).toMatchObject({ ran: (child?.all ?? 0) - main - named });
    expect(nobody).toMatchObject({ all: imports });
    expect(tested).toMatchObject({ ran: (tested?.all ?? 0) - size });
    for (const key of ['ran', 'all'] as const) {
      expect(sum?.[key]).toBe(rows.slice(0, 3).reduce((total, row) => total + row[key], 0));
    }
    for (const { ran, all, share } of rows) expect(share).toBeCloseTo((100 * ran) / all, 1);
  });

  it('says how many processes ran its sources, besides the tests', () => {
    expect(table).toContain('in the tests and in 1 processes that they started');
  });
});
