/**
 * Runs tests over sources that are not quite what they are: one process, so that one which hangs can be ended.
 *
 * Owns: the talk with the command (`run.mjs`), vitest, the verdict on a run.
 * Must not know: which changes there are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, createVitest } from 'vitest/node';
import { instrumented } from '../fuzz/instrument.mjs';
import { branchesAtMost, childCounter, Mirror, takeChildBranches, withPreamble } from './mirror.mjs';
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
      const limit = `if (++__steps > ${mutant.steps}) throw new Error('endless');`;
      return { code: withPreamble(counter(limit), text), map: null };
    }
    if (first === undefined) return null;
    const { text } = instrumented(code, first, { lang: 'ts' });
    return { code: withPreamble(`${branchCounter}__hit(${first - 1});`, text), map: null };
  },
};

/** Of a property in a run: most changes show at once, and there are many changes. Those that draw very many need them. */
const mostRuns = 25;
const needsThem = 1000;
const fewerRuns = (code) =>
  code.replaceAll(/numRuns: ([\d_]+)/g, (given, digits) =>
    Number(digits.replaceAll('_', '')) >= needsThem ? given : `numRuns: ${mostRuns}`,
  );
/** Quick, as it stands in every loop. */
const branchCounter = `const __b: Uint8Array = ((globalThis as any).__branches ??= new Uint8Array(${branchesAtMost})); const __s: number[] = ((globalThis as any).__steps ??= [0]); const __hit = (branch: number): void => { __b[branch] = 1; __s[0]++; };`;
const counter = (body) => `let __steps = 0; const __hit = (branch: number): void => { ${body} };`;

/** As they are given: the quick ones come first. */
class InOrder extends BaseSequencer {
  async sort(files) {
    return files;
  }
}

/**
 * The modules that ran since the last question. Vitest itself returns those of
 * earlier runs as well, with the results that they had then.
 */
let ended = [];
const listener = {
  onTestModuleEnd(module) {
    ended.push({ path: module.relativeModuleId, ok: module.ok() });
  },
};

const leftOut = [
  // What holds under one cipher of a kind holds under its sisters, and OpenSSL's are the quick ones.
  ...['aes128-', 'aes192-', '3des-cbc', 'hmac-sha2-512', 'by noble'],
  // What is measured by the clock fails when other runs take the time, and then catches what it does not.
  ...['holds the event loop', 'end soon'],
  // What does a thing a thousand times takes seconds, for each change anew.
  ...['a million', 'a thousand', 'of 16000000 bytes', 'by openssl RFC 4253'],
];

/** Tests with child processes compile the sources here; none are compiled where this is undefined. */
const mirror =
  process.env.DEADLINE_SSH_SOURCES === undefined
    ? undefined
    : new Mirror(root, process.env.DEADLINE_SSH_SOURCES);
const childBranches = `${process.env.MUTATION_BRANCHES}-children`;

const vitest = await createVitest(
  'test',
  {
    watch: false,
    bail: 1,
    // Tests of the edges change the process that they run in, and start others.
    pool: mirror === undefined ? 'threads' : 'forks',
    isolate: false,
    maxWorkers: 1,
    fileParallelism: false,
    reporters: [listener],
    testTimeout: 60_000,
    testNamePattern: new RegExp(`^(?!.*(?:${leftOut.join('|')}))`),
    sequence: { sequencer: InOrder },
    setupFiles: ['test/setup/fastCheck.ts', 'test/mutation/branches.setup.mjs'],
  },
  { plugins: [plugin] },
);

async function run(tests) {
  const all = tests.flatMap((path) => vitest.getRootProject().createSpecification(join(root, path)));
  ended = [];
  const begun = performance.now();
  const { unhandledErrors } = await vitest.runTestSpecifications(all, true);
  const failed = ended.filter(({ ok }) => !ok);
  return {
    passed: failed.length === 0 && unhandledErrors.length === 0 && ended.length === all.length,
    ran: ended.map(({ path }) => path),
    by: failed.map(({ path }) => path),
    milliseconds: performance.now() - begun,
  };
}

function invalidate(path) {
  vitest.invalidateFile(join(root, path));
}

/** From now on the branches of these sources are noted, here and in child processes. */
function note(sources) {
  covered = new Map(sources);
  for (const [path, first] of covered) {
    invalidate(path);
    if (mirror === undefined) continue;
    const { text } = instrumented(readFileSync(join(root, path), 'utf8'), first, { lang: 'ts' });
    mirror.write(path, withPreamble(`${childCounter(childBranches)}__hit(${first - 1});`, text));
  }
}

function noteNothing() {
  const paths = [...covered.keys()];
  covered = new Map();
  for (const path of paths) {
    invalidate(path);
    mirror?.restore(path);
  }
}

async function cover({ sources, tests }) {
  if (covered.size === 0) note(sources);
  takeChildBranches(childBranches);
  const answer = await run(tests);
  const { branches, steps } = JSON.parse(readFileSync(process.env.MUTATION_BRANCHES, 'utf8'));
  return { ...answer, branches: [...new Set([...branches, ...takeChildBranches(childBranches)])], steps };
}

async function mutate(message) {
  noteNothing();
  mutant = message.mutant;
  invalidate(mutant.path);
  mirror?.write(mutant.path, applied(readFileSync(join(root, mutant.path), 'utf8'), mutant));
  const answer = await run(message.tests);
  mutant = undefined;
  invalidate(message.mutant.path);
  mirror?.restore(message.mutant.path);
  return answer;
}

process.on('message', async (message) => {
  try {
    process.send(await (message.type === 'cover' ? cover(message) : mutate(message)));
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.send({ ready: true });
