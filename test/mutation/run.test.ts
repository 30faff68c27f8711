/** `npm run mutate` on a small project of which it is known what its tests notice. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

const files: Readonly<Record<string, string>> = {
  'src/config/sample.ts': `
export const table: readonly number[] = [7, 8];
const spare = 40;
export function isLarge(n: number): boolean { return n > 3; }
export function untested(n: number): number { return n - 1; }
export function loose(n: number): number { return n * 2; }
export function count(to: number): number {
  let at = 0;
  while (at < to) at++;
  return at;
}
export async function waits(ready: boolean): Promise<string> {
  if (!ready) await new Promise(() => {});
  return spare === 0 ? 'never' : 'at once';
}
let known: number | undefined;
/** Kept from one call to the next. */
export function remembered(): number {
  known ??= 6 + 5;
  return known;
}
`,
  'src/config/counted.ts': `
let open = 0;
export const opened = (): number => open;
export function work(n: number): number {
  open += 1;
  open -= 1;
  return n;
}
export function sum(n: number): number { return n + 5; }
`,
  'src/config/main.ts': `process.stdout.write(String(Number(process.argv[2]) + 60));\n`,
  'test/config/sample.test.ts': `
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { count, isLarge, loose, remembered, table, waits } from '../../src/config/sample.ts';

it('large', () => {
  expect([3, 4].map(isLarge)).toEqual([false, true]);
});
it('loose', () => {
  expect(typeof loose(1)).toBe('number');
});
it('count', () => {
  expect(count(5)).toBe(5);
});
it('waits', async () => {
  expect(await waits(true)).toBe('at once');
});
it('table', () => {
  expect(table).toEqual([7, 8]);
});
it('remembered', () => {
  expect(remembered()).toBe(11);
});
it('child', () => {
  const main = join(process.env.DEADLINE_SSH_SOURCES ?? '', 'dist/main.js');
  expect(spawnSync(process.execPath, [main, '2'], { encoding: 'utf8' }).stdout).toBe('62');
});
`,
  // What fails here leaves something behind, over which all that follow fail.
  'test/config/counted.test.ts': `
import { afterEach, expect, it } from 'vitest';
import { opened, sum, work } from '../../src/config/counted.ts';
afterEach(() => { expect(opened()).toBe(0); });
it('work', () => {
  expect(work(9)).toBe(9);
});
it('sum', () => {
  expect(sum(1)).toBe(6);
});
`,
  // It fails whatever is changed, so it says nothing of any change.
  'test/config/broken.test.ts': `
import { expect, it } from 'vitest';
import { loose } from '../../src/config/sample.ts';
it('broken', () => { expect(loose(1)).toBe(3); });
`,
  'rolldown.config.mjs': "export default { input: 'src/config/main.ts' };\n",
  'package.json': '{ "type": "module" }\n',
  'vitest.config.ts': 'export default {};\n',
  'test/setup/none.ts': '',
};

describe('the changes to a small project', () => {
  let folder: string;
  let summary: string;
  let survivors: string[];
  let caught: string[];
  let again: string;
  let caughtAgain: string[];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dlssh-mutation-'));
    for (const name of ['bench', 'examples', 'demo', 'fixtures']) mkdirSync(join(folder, name));
    for (const name of ['test/mutation', 'test/setup/fastCheck.ts', 'test/setup/replay.ts']) {
      cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_OPTIONS$|NODE_V8)/.test(name)),
    );
    const mutate = (...args: readonly string[]): string => {
      const run = spawnSync(process.execPath, ['test/mutation/run.mjs', 'config', ...args], {
        cwd: folder,
        env,
        encoding: 'utf8',
      });
      if (run.status !== 0) throw new Error(run.stderr);
      return run.stdout;
    };
    const linesOfCaught = (): string[] =>
      readFileSync(join(folder, '.tmp/mutation/config-caught.txt'), 'utf8').trim().split('\n');
    summary = mutate();
    const [, report = ''] = readFileSync(join(folder, '.tmp/mutation/config.txt'), 'utf8').split('passed,');
    survivors = report
      .split('\n\n')
      .slice(1)
      .map((text) => {
        const [place = '', , change = ''] = text.trim().split('\n');
        return `${change.trim()}: ${/, (.*)\)$/.exec(place)?.[1]}`;
      });
    caught = linesOfCaught();
    // The lines move, and a test is written for one of them.
    const source = 'src/config/sample.ts';
    const test = 'test/config/doubled.test.ts';
    writeFileSync(join(folder, source), `// A line more.\n${files[source]}`);
    writeFileSync(
      join(folder, test),
      `import { expect, it } from 'vitest';
import { loose } from '../../src/config/sample.ts';
it('doubled', () => { expect(loose(3)).toBe(6); });
`,
    );
    again = mutate('--again', '--with', test);
    caughtAgain = linesOfCaught();
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are survived where no test looks, and nowhere else', () => {
    expect(survivors.sort()).toEqual(
      [
        'n - 1 → n + 1: no test comes by',
        '1 → 2: no test comes by',
        'n * 2 → n / 2: survives 1 of 1 tests',
        '2 → 3: survives 1 of 1 tests',
        // One round less, to the same end.
        '0 → 1: survives 1 of 1 tests',
        '!ready → false: survives 1 of 1 tests',
        'await new Promise(() => {}); → ;: no test comes by',
        '40 → 41: survives 7 tests of files that import it',
        'spare === 0 → false: survives 1 of 1 tests',
        '0 → 1: survives 1 of 1 tests',
        'known ??= 6 + 5 → known = 6 + 5: survives 1 of 1 tests',
      ].sort(),
    );
  });

  it.each([
    ['a comparison', 'n > 3 → n >= 3: caught'],
    ['a number', ' 3 → 4: caught'],
    ['a loop without an end', 'at++ → at--: caught'],
    ['a wait without an end', '!ready → ready: caught by time'],
    ['what runs at the import', '7 → 8: caught (test/config/sample.test.ts: by itself)'],
    ['what a process keeps', '6 + 5 → 6 - 5: caught (test/config/sample.test.ts: by itself)'],
    ['what a child process runs', 'Number(process.argv[2]) + 60 → Number(process.argv[2]) - 60: caught'],
    ['a number in a child process', '60 → 61: caught'],
    ['what leaves something behind', 'open -= 1; → ;: caught (test/config/counted.test.ts: by itself)'],
    ['what is asked behind that', 'n + 5 → n - 5: caught (test/config/counted.test.ts: sum)'],
    ['what is asked last', '5 → 6: caught (test/config/counted.test.ts: sum)'],
  ])('are caught: %s', (_, text) => {
    expect(caught.filter((line) => line.includes(text))).toHaveLength(1);
  });

  it('are asked about again where they survived, and nowhere else, by the tests that are named', () => {
    expect(again).toContain(`, ${survivors.length} to try; 1 test files`);
    expect(caughtAgain.map((line) => line.replace(/^[^ ]+ /, '')).sort()).toEqual([
      '2 → 3: caught (test/config/doubled.test.ts: doubled)',
      'n * 2 → n / 2: caught (test/config/doubled.test.ts: doubled)',
    ]);
  });

  it('are judged beside runs without a change, which pass', () => {
    const [, all, passed] = /of (\d+) runs without a change (\d+) passed/.exec(summary) ?? [];
    expect(Number(all)).toBeGreaterThan(5);
    // What leaves something behind makes one fail, and costs no test its vote.
    expect(Number(passed)).toBeGreaterThan(Number(all) / 2);
    expect(summary).toContain(' 0 tests left out');
    expect(summary).toContain(
      'left out, as it fails over sources without a change: test/config/broken.test.ts',
    );
  });
});
