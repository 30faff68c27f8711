/** Notes which branches the tests of a file take, for `npm run mutate`. */
import { writeFileSync } from 'node:fs';
import { afterAll } from 'vitest';

const path = process.env.MUTATION_BRANCHES;
globalThis.__branches ??= new Set();
globalThis.__branches.clear();

afterAll(() => {
  if (path !== undefined) writeFileSync(path, JSON.stringify([...globalThis.__branches]));
});
