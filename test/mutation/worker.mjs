/**
 * Runs tests over sources that are not quite what they are: one process, so that one which hangs can be ended.
 *
 * Owns: the talk with the command (`run.mjs`), vitest.
 * Must not know: which changes there are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, createVitest } from 'vitest/node';
import { instrumented } from '../fuzz/instrument.mjs';
import { applied } from './mutants.mjs';

const root = process.cwd();
/** The change in force, or the files whose branches are noted. */
let mutant;
let covered = new Map();

const plugin = {
  name: 'mutation',
  enforce: 'pre',
  transform(code, id) {
    const path = id.startsWith(`${root}/`) ? id.slice(root.length + 1) : id;
    if (path.startsWith('test/')) return { code: fewerRuns(code), map: null };
    const first = covered.get(path);
    if (mutant?.path === path) {
      // Counted as well: a loop that no longer ends is known by its steps, long before by the clock.
      const { text } = instrumented(applied(code, mutant), 0, { lang: 'ts' });
      return {
        code: `${counter(`if (++__steps > ${mutant.steps}) throw new Error('endless');`)}${text}`,
        map: null,
      };
    }
    if (first === undefined) return null;
    const { text } = instrumented(code, first, { lang: 'ts' });
    const note = '(globalThis as any).__branches?.add(branch); (globalThis as any).__steps++;';
    return { code: `${counter(note)}__hit(${first - 1});${text}`, map: null };
  },
};

/** Of a property in a run: most changes show at once, and there are many changes. Those that draw very many need them. */
const mostRuns = 25;
const needsThem = 1000;
const fewerRuns = (code) =>
  code.replaceAll(/numRuns: ([\d_]+)/g, (given, digits) =>
    Number(digits.replaceAll('_', '')) >= needsThem ? given : `numRuns: ${mostRuns}`,
  );
const counter = (body) => `let __steps = 0; const __hit = (branch: number): void => { ${body} };`;

/** As they are given: the quick ones come first. */
class InOrder extends BaseSequencer {
  async sort(files) {
    return files;
  }
}

const leftOut = [
  // What holds under one cipher of a kind holds under its sisters, and OpenSSL's are the quick ones.
  ...['aes128-', 'aes192-', '3des-cbc', 'hmac-sha2-512', 'by noble'],
  // What is measured by the clock fails when other runs take the time, and then catches what it does not.
  ...['holds the event loop', 'end soon'],
  // What does a thing a thousand times takes seconds, for each change anew.
  ...['a million', 'a thousand', 'of 16000000 bytes', 'by openssl RFC 4253'],
];

const vitest = await createVitest(
  'test',
  {
    watch: false,
    bail: 1,
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    fileParallelism: false,
    reporters: [{}],
    testTimeout: 60_000,
    testNamePattern: new RegExp(`^(?!.*(?:${leftOut.join('|')}))`),
    sequence: { sequencer: InOrder },
    setupFiles: ['test/setup/fastCheck.ts', 'test/mutation/branches.setup.mjs'],
  },
  { plugins: [plugin] },
);

async function run(tests) {
  const all = tests.flatMap((path) => vitest.getRootProject().createSpecification(join(root, path)));
  const begun = performance.now();
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(all, true);
  const failed = testModules.filter((module) => !module.ok());
  return {
    passed: failed.length === 0 && unhandledErrors.length === 0,
    by: failed.map((module) => module.relativeModuleId),
    milliseconds: performance.now() - begun,
  };
}

function invalidate(path) {
  vitest.invalidateFile(join(root, path));
}

process.on('message', async (message) => {
  try {
    if (message.type === 'cover') {
      covered = new Map(message.sources);
      for (const path of covered.keys()) invalidate(path);
      const answer = await run(message.tests);
      const noted = JSON.parse(readFileSync(process.env.MUTATION_BRANCHES, 'utf8'));
      for (const path of covered.keys()) invalidate(path);
      covered = new Map();
      process.send({ ...answer, ...noted });
    } else {
      mutant = message.mutant;
      invalidate(mutant.path);
      const answer = await run(message.tests);
      mutant = undefined;
      invalidate(message.mutant.path);
      process.send(answer);
    }
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.send({ ready: true });
