/**
 * Runs tests over sources with switches, in the process of the tests.
 *
 * Owns: which switch is on while a test runs, how often a test is run, what it
 * notes of that. Each note is written before the next step, so that a process
 * that hangs or dies has told with which test and change.
 * Must not know: how tests are chosen (`run.mjs`), how a note is judged there.
 *
 * A plan has one of three kinds:
 * `cover`: each test once; which switches it passes.
 * `try`: each test with no switch on, then with each of its switches in turn.
 * A failure is followed by a run with none on, which has to pass, and where
 * tests use sockets and processes by a second one.
 * `whole`: one switch is on from the first import on, for what runs then only.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { VitestTestRunner } from 'vitest/runners';

const none = -1;
const { plan, count, notes, children } = JSON.parse(readFileSync(process.env.MUTATION_PLAN, 'utf8'));
const switches = { active: none, steps: 0, limit: Number.POSITIVE_INFINITY, hits: new Uint8Array(count) };
globalThis.__mutation = switches;

const note = (what) => appendFileSync(notes, `${JSON.stringify(what)}\n`);

/** Turns a switch, here and for child processes that start from now on. */
function turn(active, limit = Number.MAX_SAFE_INTEGER) {
  Object.assign(switches, { active, steps: 0, limit });
  if (children === undefined) return;
  if (plan.kind === 'cover') writeFileSync(children.hits, new Uint8Array(count));
  const hits = plan.kind === 'cover' ? children.hits : undefined;
  writeFileSync(children.file, JSON.stringify({ active, limit, hits }));
}
turn(plan.kind === 'whole' ? plan.active : none, plan.limit);
note({ pid: process.pid });

/** Promises that nobody waits for and errors that nobody catches, since a test began. */
let strays = 0;
for (const name of ['unhandledRejection', 'uncaughtException']) process.on(name, () => strays++);

const numbersOf = (bytes) => {
  const numbers = [];
  for (let at = bytes.indexOf(1); at >= 0; at = bytes.indexOf(1, at + 1)) numbers.push(at);
  return numbers;
};

/**
 * Whether a run with a switch on failed in this process. It may have left something
 * behind (a connection, a timer), over which every test fails from then on.
 */
let isDisturbed = false;

/** This process is of no more use: whoever asked it is told to end it, and to ask another for the rest. */
function* over() {
  note({ over: true });
  yield new Promise(() => {});
}

/**
 * The switches that a test is run with, one after the other; each is answered by
 * whether it passed. Instead of a switch, it may give a promise to wait for.
 */
function* trialOf({ changes, confirms }, caught) {
  if (!(yield none)) {
    if (isDisturbed) yield* over();
    if (!(yield none)) {
      note({ unfit: true });
      return;
    }
  }
  for (const change of changes) {
    if (caught.has(change)) continue;
    if (yield change) {
      note({ passed: change });
      continue;
    }
    isDisturbed = true;
    // What failed may have left something behind, or the machine was busy.
    if (!(yield none)) {
      note({ unclear: change });
      yield* over();
    }
    if (confirms && (yield change)) {
      note({ passed: change, disturbed: true });
      continue;
    }
    caught.add(change);
    note({ caught: change });
    if (confirms && !(yield none)) yield* over();
  }
}

/**
 * Ends the sockets, servers and programs that a failed run left open: over one open
 * connection many tests fail, and a new process costs more than all of them.
 */
function clearAway(before) {
  for (const handle of process._getActiveHandles()) {
    if (before.has(handle)) continue;
    if (typeof handle.kill === 'function') handle.kill('SIGKILL');
    else if (typeof handle.destroy === 'function') handle.destroy();
    else handle.close?.();
  }
}

const caught = new Set();
const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve));

export default class extends VitestTestRunner {
  async onBeforeRunTask(test) {
    await super.onBeforeRunTask(test);
    this.trial = undefined;
    if (plan.kind === 'whole' && this.failed) test.mode = 'skip';
    if (plan.kind !== 'try' || !['run', 'queued'].includes(test.mode)) return;
    const pairs = plan.pairs[test.id] ?? { changes: [] };
    this.pairs = pairs;
    note({ test: test.id });
    this.trial = trialOf(pairs, caught);
    this.next = this.trial.next();
    this.usual = undefined;
    // Asked before each round: as many rounds as there are.
    test.repeats = { valueOf: () => (this.next.done ? none : Number.POSITIVE_INFINITY) };
  }

  onBeforeTryTask(test) {
    super.onBeforeTryTask(test);
    if (plan.kind === 'cover') {
      note({ outside: numbersOf(switches.hits) });
      switches.hits.fill(0);
      turn(none);
    } else if (plan.kind === 'try') {
      const change = this.next.value ?? none;
      turn(change, change === none ? undefined : this.pairs.steps);
      note({ begins: change });
    } else {
      note({ begins: plan.active });
    }
    strays = 0;
    this.handles = new Set(process._getActiveHandles());
    this.begun = performance.now();
  }

  async runTask(test) {
    const run = VitestTestRunner.getTestFn(test)();
    if (plan.kind !== 'try' || this.next.value === none) return await run;
    let timer;
    let isLate = false;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => {
        isLate = true;
        resolve();
      }, this.pairs.patience);
    });
    await Promise.race([run, late]).finally(() => clearTimeout(timer));
    if (!isLate) return;
    // Whatever it still does would disturb what comes next: this process is ended from outside.
    note({ late: this.next.value });
    await new Promise(() => {});
  }

  async onAfterRetryTask(test) {
    if (plan.kind === 'try') await turnOfLoop();
    const failed = test.result.state === 'fail';
    const milliseconds = performance.now() - this.begun;
    if (plan.kind === 'cover') {
      if (children !== undefined) {
        for (const number of numbersOf(readFileSync(children.hits))) switches.hits[number] = 1;
      }
      const { id, name, file } = test;
      const { steps, hits } = switches;
      note({ covered: id, name, path: file.name, ok: !failed, milliseconds, steps, hits: numbersOf(hits) });
      hits.fill(0);
    } else if (plan.kind === 'try' && this.trial !== undefined) {
      this.usual ??= strays;
      const ok = !failed && (strays === 0 || this.usual > 0);
      turn(none);
      note({ ends: this.next.value, ok, milliseconds });
      if (!ok) {
        clearAway(this.handles);
        await turnOfLoop();
      }
      this.next = this.trial.next(ok);
      await this.next.value;
      test.result.state = 'pass';
      test.result.errors = undefined;
    } else {
      this.failed ||= failed;
      note({ ends: plan.active, ok: !failed, test: test.id });
    }
  }
}
