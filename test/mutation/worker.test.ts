/** The worker of `npm run mutate` on this project's own sources: what a run says is about that run. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeOf, type Mutant, mutantsOf } from './mutants.mjs';
import { Worker } from './workerProcess.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const path = 'src/base/lazyMap.ts';
const catching = 'test/base/lazyMap.test.ts';
const indifferent = 'test/base/flatText.test.ts';

describe.each([false, true])('a worker (of the edges: %s)', (edges) => {
  let folder: string;
  let worker: Worker;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dlssh-mutation-'));
    worker = new Worker(root, folder, edges);
  });
  afterAll(async () => {
    await worker.close();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const ask = (mutant: Mutant, ...tests: readonly string[]): ReturnType<Worker['ask']> =>
    worker.ask({ type: 'mutate', mutant: { ...mutant, steps: 1e9 }, tests }, 100_000);

  it('judges the tests of its run, and not what an earlier run found', { timeout: 300_000 }, async () => {
    const mutants = mutantsOf(path, readFileSync(join(root, path), 'utf8'));
    const [real] = mutants.filter(({ kind }) => kind === 'condition');
    if (real === undefined) throw new Error('there is no condition to change');
    const nothing = { ...real, start: 0, end: 0, replacement: '' };
    expect(changeOf(real)).not.toBe('');

    expect(await ask(real, catching)).toMatchObject({ passed: false, by: [catching], ran: [catching] });
    // The one that failed does not run now.
    expect(await ask(nothing, indifferent)).toMatchObject({ passed: true, by: [], ran: [indifferent] });
    // It runs again, over the source as it is.
    expect(await ask(nothing, indifferent, catching)).toMatchObject({ passed: true, by: [] });
    // A source that cannot be loaded at all is noticed by whoever imports it.
    const broken = { ...real, start: 0, end: 0, replacement: 'throw new Error();' };
    expect(await ask(broken, indifferent, catching)).toMatchObject({ passed: false, by: [catching] });
  });

  it('notes the branches that a test takes', { timeout: 120_000 }, async () => {
    const cover = (test: string): ReturnType<Worker['ask']> =>
      worker.ask({ type: 'cover', sources: [[path, 2]], tests: [test] }, 100_000);
    const answer = await cover(catching);
    expect(answer).toMatchObject({ passed: true, ran: [catching] });
    expect(answer?.branches).toEqual(expect.arrayContaining([1, 2]));
    expect(await cover(indifferent)).toMatchObject({ passed: true, branches: [] });
  });
});
