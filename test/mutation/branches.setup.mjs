/** Notes which branches the tests of a file take, for `npm run mutate`. */
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll } from 'vitest';
import { branchesAtMost } from './mirror.mjs';

// A failure is enough; the smallest example of it would take long to find.
fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: 25, endOnFailure: true });

const path = process.env.MUTATION_BRANCHES;
globalThis.__branches ??= new Uint8Array(branchesAtMost);
globalThis.__branches.fill(0);
globalThis.__steps ??= [0];
globalThis.__steps[0] = 0;

afterAll(() => {
  if (path === undefined) return;
  const taken = globalThis.__branches;
  const branches = [...taken.keys()].filter((branch) => taken[branch] === 1);
  writeFileSync(path, JSON.stringify({ branches, steps: globalThis.__steps[0] }));
});
