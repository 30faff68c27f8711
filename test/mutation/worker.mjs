/**
 * Runs tests over sources that have all changes in them, each behind a switch.
 *
 * Owns: the talk with the command (`run.mjs`), vitest, the copy of the project
 * that child processes are compiled from.
 * Must not know: which changes are tried (`runner.mjs` has a plan of that).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, createVitest } from 'vitest/node';
import { Mirror } from './mirror.mjs';
import { mutantsOf } from './mutants.mjs';
import { childPreamble, ownPreamble, withPreamble, withSwitches } from './switches.mjs';

const root = process.cwd();
const planFile = process.env.MUTATION_PLAN;
/** The number of each change that has a switch, by its source and its place among the changes of that; how many there are in all. */
const { numbers, count, notes } = JSON.parse(readFileSync(planFile, 'utf8'));

/** Of a property in a run: most changes show at once, and there are many changes. Those that draw very many need them. */
const mostRuns = 25;
const needsThem = 1000;
const fewerRuns = (code) =>
  code.replaceAll(/numRuns: ([\d_]+)/g, (given, digits) =>
    Number(digits.replaceAll('_', '')) >= needsThem ? given : `numRuns: ${mostRuns}`,
  );

function switched(path, code) {
  const mutants = mutantsOf(path, code).map((mutant, index) => ({ ...mutant, number: numbers[path][index] }));
  return withSwitches(
    code,
    mutants.filter(({ number }) => number !== undefined),
  );
}

const plugin = {
  name: 'mutation',
  enforce: 'pre',
  transform(code, id) {
    const path = id.startsWith(`${root}/`) ? id.slice(root.length + 1) : id;
    if (path.startsWith('test/')) return { code: fewerRuns(code), map: null };
    if (numbers[path] === undefined) return null;
    return { code: withPreamble(ownPreamble, switched(path, code)), map: null };
  },
};

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

/** Whether ciphers themselves are changed: then each has to be asked, those of this project first of all. */
const changesCiphers = Object.keys(numbers).some((path) => path.startsWith('src/crypto/'));
const leftOut = [
  // What holds under one cipher of a kind holds under its sisters, and OpenSSL's are the quick ones.
  ...(changesCiphers ? [] : ['aes128-', 'aes192-', '3des-cbc', 'hmac-sha2-512', 'by noble']),
  // What is measured by the clock fails when other runs take the time, and then catches what it does not.
  ...['holds the event loop', 'end soon'],
  // What does a thing a thousand times takes seconds, for each change anew.
  ...['a million', 'a thousand', 'of 16000000 bytes', 'by openssl RFC 4253'],
];

/** Tests with child processes compile the sources here; none are compiled where this is undefined. */
const copy = process.env.DEADLINE_SSH_SOURCES;
const children = copy === undefined ? undefined : { file: `${planFile}.active`, hits: `${planFile}.hits` };
if (copy !== undefined) {
  const mirror = new Mirror(root, copy);
  const preamble = childPreamble(children.file, count);
  for (const path of Object.keys(numbers)) {
    mirror.write(path, withPreamble(preamble, switched(path, readFileSync(join(root, path), 'utf8'))));
  }
  mirror.build();
}

const vitest = await createVitest(
  'test',
  {
    watch: false,
    // Tests of the edges change the process that they run in, and start others.
    pool: 'forks',
    isolate: false,
    maxWorkers: 1,
    fileParallelism: false,
    reporters: [listener],
    testTimeout: 60_000,
    testNamePattern: new RegExp(`^(?!.*(?:${leftOut.join('|')}))`),
    sequence: { sequencer: InOrder },
    setupFiles: ['test/setup/fastCheck.ts', 'test/mutation/setup.mjs'],
    runner: join(root, 'test/mutation/runner.mjs'),
  },
  { plugins: [plugin] },
);

/** Tests of files, all of each or some by their identity; `plan` is for the runner. */
async function run({ plan, files }) {
  writeFileSync(planFile, JSON.stringify({ plan, count, notes, children }));
  const project = vitest.getRootProject();
  const all = files.map(({ path, testIds }) => project.createSpecification(join(root, path), { testIds }));
  ended = [];
  const { unhandledErrors } = await vitest.runTestSpecifications(all, true);
  const failed = ended.filter(({ ok }) => !ok);
  return {
    passed: failed.length === 0 && unhandledErrors.length === 0 && ended.length === files.length,
    ran: ended.map(({ path }) => path),
    by: failed.map(({ path }) => path),
    errors: unhandledErrors.map((error) => String(error?.message ?? error)),
  };
}

process.on('message', async (message) => {
  try {
    process.send(await run(message));
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.send({ ready: true });
