/**
 * The process in which tests run over changed sources.
 *
 * Owns: its start, one question at a time and what is noted meanwhile, its end
 * together with every process and user that its tests made.
 * Must not know: which changes there are, what becomes of an answer.
 */
import { fork, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

let workers = 0;

export class Worker {
  /**
   * @param folder where it keeps its notes, in the project
   * @param edges whether its tests use sockets, servers and child processes
   * @param switches `numbers`: of each source, the numbers of its changes by their place among them; `count` of all
   */
  constructor(root, folder, edges, switches) {
    this.root = root;
    this.folder = folder;
    this.edges = edges;
    this.switches = switches;
    this.name = `${process.pid}-${workers++}`;
    this.plan = join(folder, `plan-${this.name}.json`);
    this.notes = `${this.plan}.notes`;
    // Paths of sockets have to be short. Servers let other users in, who must reach their homes.
    this.scratch = `/tmp/dlm-${this.name}`;
    this.accounts = `dlm${this.name.replace('-', 'x')}`;
  }

  async start() {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(this.plan, JSON.stringify({ ...this.switches, notes: this.notes }));
    const env = { ...process.env, MUTATION_PLAN: this.plan, FC_SEED: '1' };
    // What a test of vitest would tell a vitest of its own.
    for (const name of Object.keys(env)) if (/^(VITEST|NODE_OPTIONS$|TEST$)/.test(name)) delete env[name];
    if (this.edges) {
      mkdirSync(this.scratch, { recursive: true, mode: 0o755 });
      env.TMPDIR = this.scratch;
      env.DEADLINE_SSH_SOURCES = join(this.folder, `sources-${this.name}`);
      env.DEADLINE_SSH_ACCOUNTS = this.accounts;
    }
    this.child = fork(join(this.root, 'test/mutation/worker.mjs'), {
      cwd: this.root,
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const begun = performance.now();
    await this.answer(() => performance.now() - begun > 240_000);
  }

  /**
   * What a run came to, undefined where it had to be ended, and what was noted
   * in it. It is ended where nothing is noted for so many milliseconds, or where
   * a note says that a test is late, or that the process is of no more use.
   */
  async ask(message, silence) {
    if (this.closed) return new Promise(() => {});
    if (this.child === undefined) await this.start();
    writeFileSync(this.notes, '');
    let length = 0;
    let heard = performance.now();
    let endedAt = -1;
    const look = () => {
      const { size } = statSync(this.notes);
      if (size > length) heard = performance.now();
      length = size;
      if (length === endedAt || (performance.now() - heard < silence && !this.isOver(size))) return;
      endedAt = length;
      heard = performance.now();
      this.endTests();
    };
    const timer = setInterval(look, 200);
    this.child.send(message);
    const answer = await this.answer(() => endedAt >= 0 && performance.now() - heard > silence + 20_000);
    clearInterval(timer);
    const lines = readFileSync(this.notes, 'utf8').split('\n').slice(0, -1);
    if (answer === undefined) await this.stop();
    if (answer?.error !== undefined) throw new Error(answer.error);
    return { answer: endedAt >= 0 ? undefined : answer, notes: lines.map((line) => JSON.parse(line)) };
  }

  /** Whether the last note is that a test is late, or the process of no more use. */
  isOver(size) {
    const tail = Buffer.alloc(Math.min(size, 40));
    const file = openSync(this.notes);
    readSync(file, tail, 0, tail.length, size - tail.length);
    closeSync(file);
    return /\{"(late|over)":(\d+|true)\}\n$/.test(tail.toString());
  }

  /** Ends the process of the tests alone: the worker has all sources ready for the next. */
  endTests() {
    const text = readFileSync(this.notes, 'utf8');
    const [, pid] = [...text.matchAll(/^\{"pid":(\d+)\}$/gm)].at(-1) ?? [];
    if (pid === undefined) return;
    const all = [Number(pid), ...descendantsOf(Number(pid))];
    for (const each of all) end(each);
    if (this.edges) removeUsers(this.accounts);
  }

  /** For good: whoever asks from now on gets no answer. */
  async close() {
    this.closed = true;
    await this.stop();
  }

  async stop() {
    const { child } = this;
    this.child = undefined;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // From the top down: a parent that is gone starts no other.
    const all = [child.pid, ...descendantsOf(child.pid)];
    for (const pid of all) end(pid);
    await gone;
    for (const pid of all.flatMap(descendantsOf)) end(pid);
    if (this.edges) removeUsers(this.accounts);
    rmSync(this.scratch, { recursive: true, force: true });
    rmSync(join(this.folder, `sources-${this.name}`), { recursive: true, force: true });
    for (const end of ['', '.notes', '.active', '.hits']) rmSync(`${this.plan}${end}`, { force: true });
  }

  /** Undefined where the process ended, or where it is given up. */
  answer(isGivenUp) {
    const { child } = this;
    return new Promise((resolve) => {
      const done = (answer) => {
        clearInterval(timer);
        child.off('message', done);
        child.off('exit', lost);
        resolve(answer);
      };
      const lost = () => done(undefined);
      const timer = setInterval(() => isGivenUp() && lost(), 500);
      child.once('message', done);
      child.once('exit', lost);
    });
  }
}

function end(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function descendantsOf(root) {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=', '-o', 'ppid='], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const found = [];
  for (let open = [root]; open.length > 0; ) {
    open = rows.filter(([, parent]) => open.includes(parent)).map(([pid]) => pid);
    found.push(...open);
  }
  return found;
}

/** Users that a test made and had no time to remove. */
function removeUsers(prefix) {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name] = line.split(':');
    if (name.startsWith(`${prefix}-`)) spawnSync('userdel', ['-f', name]);
  }
}
