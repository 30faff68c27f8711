/**
 * `npm run mutate -- [folder…] [--sample N] [--only TEXT] [--again] [--minutes N] [--limit N] [--with TESTS] [--without TESTS]`: do the tests notice when a check is taken out?
 *
 * Owns: which tests speak for which folder, which are asked about a change and
 * in which order, the report (.tmp/mutation/FOLDER.txt), the list of changes
 * that change nothing (equivalent.txt).
 * Must not know: how a source is changed (`mutants.mjs`, `switches.mjs`), how
 * tests are run (`worker.mjs`, `runner.mjs`).
 *
 * All changes are in the sources at once, each behind a switch. The tests run
 * once with none on, so that it is known which switches each passes. Then they
 * are asked about the changes, in rounds: about each change first the quickest
 * and most special of its tests, and in the next round, if those pass, others.
 * So a test file is loaded once for many changes. What runs at an import only is
 * asked of whole files, in a process of its own.
 *
 * The tests of the folder itself come first. Others are run, and asked, for the
 * changes alone that survived those before: first simulations,
 * then tests with sockets, then real servers and child processes.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Covered } from './covered.mjs';
import { equivalentsIn, placesOf } from './equivalents.mjs';
import { changeOf, mutantsOf } from './mutants.mjs';
import { Trials } from './trials.mjs';
import { Worker } from './workerProcess.mjs';

const root = process.cwd();
const folder = join(root, '.tmp/mutation');

/** Tests without sockets and without waiting: whole conversations. */
const conversations = ['test/regression', 'test/conformance', 'test/fuzz/malformed.test.ts'];
/** The layers below `io`, whose tests need neither sockets nor time. */
const testsOfCore = {
  wire: ['test/wire', 'test/message/codec.test.ts', 'test/message/rules.test.ts'],
  message: ['test/message'],
  packet: ['test/packet'],
  transport: ['test/transport', ...conversations],
  userauth: ['test/userauth', 'test/regression/authentication.test.ts', 'test/fuzz/malformed.test.ts'],
  connection: ['test/connection'],
  sftp: ['test/sftp'],
};
/** The layers above them: simulations, real servers, child processes. */
const testsOfEdges = {
  base: [
    'test/base',
    'test/docs/tables.test.ts',
    'test/client',
    'test/cli/serverText.test.ts',
    'test/io',
    'test/regression',
  ],
  crypto: ['test/crypto', 'test/packet', 'test/recorded', 'test/keys/certificates.test.ts'],
  protocol: [
    'test/protocol',
    'test/regression',
    'test/conformance',
    'test/sim',
    'test/userauth',
    'test/fuzz/malformed.test.ts',
  ],
  keys: [
    'test/keys',
    'test/node/knownHosts.test.ts',
    'test/node/knownHostsFile.test.ts',
    'test/fuzz/malformed.test.ts',
  ],
  io: [
    'test/io',
    'test/sim',
    'test/regression',
    'test/diagnostics',
    'test/client',
    'test/node',
    'test/servers',
  ],
  endpoint: [
    'test/endpoint',
    'test/client',
    'test/sim',
    'test/regression',
    'test/node',
    'test/server',
    'test/servers',
  ],
  sftp: ['test/sftp', 'test/servers/sftp.test.ts'],
  forwarding: ['test/forwarding', 'test/sim', 'test/regression', 'test/node', 'test/server', 'test/servers'],
  server: ['test/server', 'test/sim', 'test/regression', 'test/sftp', 'test/examples'],
  client: [
    'test/client',
    'test/sim',
    'test/regression',
    'test/node',
    'test/sftp',
    'test/server',
    'test/servers',
    'test/cli',
  ],
  diagnostics: ['test/diagnostics', 'test/sim/fleet.test.ts', 'test/docs/diagnostics.test.ts'],
  node: [
    'test/node',
    'test/io',
    'test/crypto',
    'test/packet',
    'test/sftp',
    'test/keys',
    'test/config',
    'test/servers',
    'test/client',
    'test/cli',
  ],
  cli: ['test/cli', 'test/client/target.test.ts'],
  config: ['test/config', 'test/servers/sshConfig.test.ts'],
};
const testsOf = { ...testsOfCore, ...testsOfEdges };
/** Tests that take minutes, or are about the machine. */
const tooLong = [
  'test/sim/fleet.test.ts',
  'test/servers/idleConnections.test.ts',
  'test/servers/manyConnections.test.ts',
  'test/servers/eventLoop.test.ts',
  'test/servers/sabotage.test.ts',
  'test/servers/bulk.test.ts',
  'test/diagnostics/silentDials.test.ts',
  // Every byte of every file, one after the other.
  'test/keys/damage.test.ts',
  'test/keys/publicDamage.test.ts',
];

/** Whole conversations without sockets, on a clock of their own: they come by nearly every place, and soon. */
const simulated = ['test/sim/', 'test/regression/', 'test/conformance/'];
/** Tests whose files take long, each for a little of the sources: asked for what the others leave. */
const heavy = [
  'test/servers/',
  'test/server/clients/',
  'test/cli/',
  'test/examples/',
  // A whole life, over and over: with silence after each of its bytes, and with chance in it.
  'test/sim/silence.test.ts',
  'test/sim/random.test.ts',
];

/** The test files in the order in which they are asked: of the folder itself, simulations, others, the heavy ones. */
function stagesOf(name, files) {
  const isIn = (places, path) => places.some((start) => path.startsWith(start));
  const rankOf = (path) => {
    if (path.startsWith(`test/${name}/`)) return 0;
    if (isIn(heavy, path)) return 3;
    return isIn(simulated, path) ? 1 : 2;
  };
  const stages = [0, 1, 2, 3].map((rank) => files.filter((path) => rankOf(path) === rank));
  return stages.filter((stage) => stage.length > 0);
}

function testFiles(places) {
  const found = places.flatMap((place) => {
    if (!existsSync(place)) return [];
    if (place.endsWith('.ts')) return [place];
    const names = readdirSync(place, { recursive: true }).filter((name) => name.endsWith('.test.ts'));
    return names.sort().map((name) => `${place}/${name}`);
  });
  const isIn = (places, path) => places.some((place) => path === place || path.startsWith(`${place}/`));
  const without = options.without?.split(',') ?? [];
  return found.filter((path) => !tooLong.includes(path) && !isIn(without, path));
}

/** The tests that are asked: those that speak for a folder, or those that the command names. */
const askedOf = (name) => testFiles(options.with?.split(',') ?? testsOf[name]);

/** What the last run of a folder left, as `report` wrote it: the source, its line of text, the change. */
function leftOf(name) {
  const file = join(folder, `${name}.txt`);
  if (!existsSync(file)) throw new Error(`--again: no run of ${name} has left a report yet`);
  const [, ...places] = readFileSync(file, 'utf8').split('\n\n');
  return places
    .filter((place) => place.trim() !== '')
    .map((place) => place.trim().split('\n'))
    .map(([where, text, change]) => ({
      path: /^(.+?):\d+ \(/.exec(where)[1],
      text: text.trim(),
      change: change.trim(),
    }));
}

/** Changes that change nothing anybody could see. */
const equivalents = equivalentsIn(readFileSync(join(root, 'test/mutation/equivalent.txt'), 'utf8'));

/** Whether a change was left by the last run. A line is known by its text: its number moves. */
const isLeft = (list, mutant) =>
  list.some(
    ({ path, text, change }) => path === mutant.path && text === mutant.text && change === changeOf(mutant),
  );

/** Those of all changes in a folder that have an effect. */
function withEffect(all) {
  const paths = new Set(all.map(({ path }) => path));
  const none = equivalents
    .filter(({ path }) => paths.has(path))
    .flatMap((line) =>
      placesOf(
        line,
        all.filter(({ path }) => path === line.path),
      ),
    );
  return all.filter((mutant) => !none.includes(mutant));
}

/** The changes to try: evenly spread, and the same ones at each run; or what the last run left. */
function chosenOf(name, all, { sample, only, again }) {
  const left = again ? leftOf(name) : undefined;
  const chosen = withEffect(all)
    .filter((mutant) => only === undefined || `${mutant.path}:${mutant.line}`.includes(only))
    .filter((mutant) => left === undefined || isLeft(left, mutant));
  const stride = Math.max(1, chosen.length / sample);
  return spread(chosen.filter((_, index) => Math.floor(index / stride) !== Math.floor((index - 1) / stride)));
}

/** In an order in which the first so many are spread over the whole as well, for a run that ends early. */
function spread(list) {
  const golden = (Math.sqrt(5) - 1) / 2;
  const rank = (index) => (index * golden) % 1;
  return list
    .map((item, index) => ({ item, rank: rank(index) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

/** All changes to the sources of a folder, each with its place among those of its file. */
function mutantsIn(name) {
  const paths = readdirSync(`src/${name}`, { recursive: true }).filter((file) => file.endsWith('.ts'));
  return paths
    .map((file) => `src/${name}/${file}`)
    .sort()
    .flatMap((path) =>
      mutantsOf(path, readFileSync(path, 'utf8')).map((mutant, index) => ({ ...mutant, index })),
    );
}

/** The changes to try in some folders, numbered, and what the worker has to know to make switches of them. */
function switchesFor(names) {
  const chosen = new Map();
  const numbers = {};
  let count = 0;
  for (const name of names) {
    const all = mutantsIn(name);
    for (const { path } of all) numbers[path] ??= {};
    const mutants = chosenOf(name, all, options).map((mutant) => ({ ...mutant, number: count++ }));
    for (const { path, index, number } of mutants) numbers[path][index] = number;
    chosen.set(name, { total: all.length, mutants });
  }
  return { chosen, switches: { numbers, count } };
}

/** As many changes as are asked about together: enough to load each test file for, few enough to stop in time. */
const together = 75;

async function mutate(name, worker, { total, mutants: chosen }) {
  const files = askedOf(name);
  console.log(`${name}: ${total} changes, ${chosen.length} to try; ${files.length} test files`);
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  const stages = stagesOf(name, files);
  const coveredBy = new Map();
  const coveredIn = async (stage) => {
    const known = coveredBy.get(stage);
    if (known !== undefined) return known;
    const covered = await Covered.by(worker, root, folder, stages.slice(0, stage + 1).flat());
    coveredBy.set(stage, covered);
    console.log(`${covered.summary()}; ${seconds().toFixed(0)} s`);
    return covered;
  };
  const trials = new Trials(worker, name, { confirms: name in testsOfEdges, limit: options.limit });
  const run = { name, total, results: [], trials };
  while (run.results.length < chosen.length && seconds() < 60 * options.minutes) {
    const from = run.results.length;
    const some = chosen.slice(from, from + together).map((mutant) => ({ ...mutant }));
    run.results.push(...some);
    for (const stage of stages.keys()) {
      if (survivors(some).length === 0) break;
      const isLast = stage === stages.length - 1;
      await trials.ask(some, await coveredIn(stage), isLast);
      report(name, run);
      const which = isLast ? '' : `tests of stage ${stage + 1} of ${stages.length}: `;
      console.log(`${which}${summaryOf(run)}; ${seconds().toFixed(0)} s`);
    }
  }
}

const survivors = (results) => results.filter(({ outcome }) => outcome?.startsWith('caught') !== true);

function summaryOf({ name, total, results, trials }) {
  const left = survivors(results).length;
  const caught = results.length - left;
  const share = ((100 * caught) / Math.max(1, results.length)).toFixed(1);
  const byTime = results.filter(({ outcome }) => outcome === 'caught by time').length;
  return `${name}: ${caught} of ${results.length} caught (${byTime} by time), ${share} %; ${total} changes there are; ${trials.controlSummary()}`;
}

function report(file, run) {
  const lines = survivors(run.results).map(
    (mutant) =>
      `${mutant.path}:${mutant.line} (${mutant.kind}, ${mutant.outcome})\n  ${mutant.text}\n  ${changeOf(mutant)}\n`,
  );
  const caught = run.results
    .filter(({ outcome }) => outcome.startsWith('caught'))
    .map((mutant) => `${mutant.path}:${mutant.line} ${changeOf(mutant)}: ${mutant.outcome} (${mutant.by})\n`);
  writeFileSync(join(folder, `${file}.txt`), `${summaryOf(run)}\n\n${lines.join('\n')}`);
  writeFileSync(join(folder, `${file}-caught.txt`), caught.join(''));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string', default: '100000' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '100000' },
    limit: { type: 'string', default: '60' },
    again: { type: 'boolean', default: false },
    with: { type: 'string' },
    without: { type: 'string' },
  },
});
mkdirSync(folder, { recursive: true });
const names = positionals.length > 0 ? positionals : Object.keys(testsOf);
const unknown = names.filter((name) => !(name in testsOf));
if (unknown.length > 0) {
  console.error(`no such folder: ${unknown.join(', ')}; there are ${Object.keys(testsOf).join(', ')}`);
  process.exit(2);
}
const options = {
  sample: Number(values.sample),
  only: values.only,
  minutes: Number(values.minutes),
  limit: Number(values.limit),
  again: values.again,
  with: values.with,
  without: values.without,
};
for (const edges of [false, true]) {
  const own = names.filter((name) => name in testsOfEdges === edges);
  if (own.length === 0) continue;
  const { chosen, switches } = switchesFor(own);
  const worker = new Worker(root, folder, edges, switches);
  const stop = () => worker.close().then(() => process.exit(1));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    for (const name of own) await mutate(name, worker, chosen.get(name));
  } finally {
    await worker.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
process.exit(0);
