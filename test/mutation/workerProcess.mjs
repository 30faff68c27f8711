/**
 * The process in which tests run over changed sources.
 *
 * Owns: its start, one question at a time, its end together with every process
 * and user that its tests made.
 * Must not know: which changes there are, what becomes of an answer.
 */
import { fork, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

let workers = 0;

export class Worker {
  /**
   * @param folder where it keeps its notes, in the project
   * @param edges whether its tests use sockets, servers and child processes
   */
  constructor(root, folder, edges) {
    this.root = root;
    this.folder = folder;
    this.edges = edges;
    this.name = `${process.pid}-${workers++}`;
    this.branchesFile = join(folder, `branches-${this.name}.json`);
    // Paths of sockets have to be short. Servers let other users in, who must reach their homes.
    this.scratch = `/tmp/dlm-${this.name}`;
    this.accounts = `dlm${this.name.replace('-', 'x')}`;
  }

  async start() {
    mkdirSync(this.folder, { recursive: true });
    const env = { ...process.env, MUTATION_BRANCHES: this.branchesFile, FC_SEED: '1' };
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
    await this.answer(120_000);
  }

  /** Undefined where there was none in time; the next question has a new process then. */
  async ask(message, milliseconds) {
    if (this.closed) return new Promise(() => {});
    if (this.child === undefined) await this.start();
    this.child.send(message);
    const answer = await this.answer(milliseconds);
    if (answer === undefined) await this.stop();
    if (answer?.error !== undefined) throw new Error(answer.error);
    return answer;
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
    for (const file of [this.branchesFile, `${this.branchesFile}-children`]) rmSync(file, { force: true });
  }

  answer(milliseconds) {
    const { child } = this;
    return new Promise((resolve) => {
      const done = (answer) => {
        clearTimeout(timer);
        child.off('message', done);
        child.off('exit', lost);
        resolve(answer);
      };
      const lost = () => done(undefined);
      const timer = setTimeout(lost, milliseconds);
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
