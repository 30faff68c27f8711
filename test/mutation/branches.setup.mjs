/** Notes which branches the tests of a file take, for `npm run mutate`. */
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll } from 'vitest';

// A failure is enough; the smallest example of it would take long to find.
fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: 25, endOnFailure: true });

const path = process.env.MUTATION_BRANCHES;
globalThis.__branches ??= new Set();
globalThis.__branches.clear();
globalThis.__steps = 0;

afterAll(() => {
  if (path !== undefined)
    writeFileSync(path, JSON.stringify({ branches: [...globalThis.__branches], steps: globalThis.__steps }));
});
