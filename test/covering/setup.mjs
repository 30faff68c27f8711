/** Has V8 count what the tests of a file run, here and in their child processes, for `npm run coverage`. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const { COVERAGE_FOLDER: folder, COVERAGE_ROOT: root } = process.env;
// Node gives it to every child, and each writes a file of its own when it ends.
process.env.NODE_V8_COVERAGE = join(folder, 'children');
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

afterAll(async () => {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  // Vitest puts the head of a function before the code of a module, and says how long it is.
  const { moduleExecutionInfo } = globalThis.__vitest_worker__;
  const own = result
    .map(({ url, functions }) => ({ path: url.replace('file://', ''), functions }))
    .filter(({ path }) => path.startsWith(`${root}/src/`))
    .map(({ path, functions }) => ({ path, functions, from: moduleExecutionInfo.get(path)?.startOffset }));
  writeFileSync(join(folder, 'tests', `${randomUUID()}.json`), JSON.stringify(own));
});
