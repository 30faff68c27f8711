/**
 * `npm run regress -- [--quick] [--ours | --genuine] [--write] [--jobs N] [--keep] [test…]`
 *
 * Runs OpenSSH's own regression suite (Debian's package openssh-tests), each test
 * first with OpenSSH's program and then with this command in its place. `--quick`
 * runs the short ones, `--ours` takes OpenSSH's results from the last kept run and
 * `--genuine` those of this command, `--write` keeps the results and the table in docs/openssh-tests.md, `--keep`
 * leaves the folders of failed tests, names pick tests.
 *
 * Owns: the words of that command, the order of runs, its exit status: 1 where a
 * test passes with OpenSSH's program and fails with this one for no known reason.
 * Must not know: what the tests do.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { printed, tableOf } from './table.mjs';
import { quick, tests } from './tests.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const kept = join(root, 'test/regress/results.json');
const suite = '/usr/lib/openssh/regress';
/** Seconds for one test: the longest takes OpenSSH some minutes. */
const limits = { genuine: 1_800, ours: 3_600 };

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    ours: { type: 'boolean' },
    genuine: { type: 'boolean' },
    write: { type: 'boolean' },
    keep: { type: 'boolean' },
    jobs: { type: 'string', default: '2' },
  },
});

for (const [needed, where] of [
  [suite, "Debian's package openssh-tests"],
  [join(root, 'dist/cli/main.js'), 'npm run build'],
]) {
  if (!existsSync(needed)) stop(`${needed} is missing: it comes from ${where}`);
}
if (process.getuid() !== 0) stop('each test runs in namespaces of its own, which only root can make');
const strange = names.find((name) => !tests.some((test) => test.name === name));
if (strange !== undefined) stop(`there is no test ${strange}`);

const version = spawnSync('ssh', ['-V'], { encoding: 'utf8' }).stderr.trim();
const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-regress-'));
const programs = { genuine: genuinePrograms(), ours: ownPrograms(folder) };
const prepared = suiteWithKeys(folder);
const chosen = tests.filter(({ name, program }) => {
  if (names.length > 0) return names.includes(name);
  return program !== 'none' && (!flags.quick || quick.has(name));
});

const before = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : { tests: {} };
const results = { ...before.tests };
const queue = [...chosen];
await Promise.all(Array.from({ length: Number(flags.jobs) }, work));
if (!flags.keep) rmSync(folder, { recursive: true, force: true });

const rows = chosen.map((test) => ({ ...test, ...results[test.name] }));
console.log(printed(rows));
process.exit(
  rows.some(
    ({ genuine, ours, why }) => genuine?.status === 'pass' && ours?.status !== 'pass' && why === undefined,
  )
    ? 1
    : 0,
);

/** After each test: a run may be stopped. What another run kept meanwhile stays. */
function keep(name) {
  if (!flags.write) return;
  const present = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')).tests : {};
  Object.assign(results, { ...present, [name]: results[name] });
  writeFileSync(kept, `${JSON.stringify({ version, tests: sorted(results) }, undefined, 2)}\n`);
  writeFileSync(
    join(root, 'docs/openssh-tests.md'),
    tableOf(
      version,
      tests.map((test) => ({ ...test, ...results[test.name] })),
    ),
  );
}

async function work() {
  for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
    const last = results[test.name];
    // A result without its time was never measured.
    const isKnown = flags.ours && last?.genuine !== undefined && last.genuine.seconds > 0;
    const genuine = isKnown ? last.genuine : await run(test, 'genuine');
    const hasOurs = genuine.status === 'pass' && test.program !== 'none';
    const ours = !hasOurs ? undefined : flags.genuine ? last?.ours : await run(test, 'ours');
    results[test.name] = { genuine, ours };
    keep(test.name);
    console.log(printed([{ ...test, genuine, ours }]));
  }
}

/** One test with one set of programs: whether it passed, and what it said. */
async function run({ name, program }, which) {
  const place = join(folder, which, name);
  // Times stay, by which a test knows that a key is newer than the program that made it.
  cpSync(prepared, place, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const started = performance.now();
  const { status, output } = await isolated(place, name, environment(program, which), limits[which]);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const lines = output.trim().split('\n');
  const skipped = lines.find((line) => /^skipped|^SKIPPED/i.test(line));
  const passed = status === 0 && skipped === undefined;
  if (passed || !flags.keep) rmSync(place, { recursive: true, force: true });
  else writeFileSync(join(place, 'output.txt'), output);
  if (passed) return { status: 'pass', seconds };
  if (status === 0) return { status: 'skip', seconds, said: skipped };
  if (status === 124) return { status: 'fail', seconds, said: `no end after ${limits[which]} s` };
  const said = lines.filter((line) => line !== '' && !/^(failed|ok) /.test(line)).at(-1);
  return { status: 'fail', seconds, said: said?.replaceAll(place, '$OBJ').slice(0, 200) };
}

function isolated(place, name, env, limit) {
  return new Promise((resolve, reject) => {
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
    const script = join(root, 'test/regress/isolated.sh');
    const child = spawn('unshare', [...namespaces, script, place, name, String(limit)], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-100_000);
      });
    }
    child.once('error', reject);
    // What a test leaves behind may hold its output open; the namespace has gone with the first process.
    child.once('close', (status) => resolve({ status, output }));
  });
}

/** The program that a test is about takes part of the rest: sftp starts ssh. */
function environment(program, which) {
  const { genuine } = programs;
  const replaced = {
    ssh: ['ssh'],
    sftp: ['ssh', 'sftp', 'sftp-server'],
    scp: ['ssh', 'scp', 'sftp-server'],
    keyscan: ['ssh', 'keyscan'],
    keygen: ['ssh', 'keygen'],
  };
  const own = which === 'ours' ? (replaced[program] ?? []) : [];
  const of = (name) => (own.includes(name) ? programs.ours : genuine)[name];
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    USER: 'root',
    LOGNAME: 'root',
    LC_ALL: 'C.UTF-8',
    TEST_SHELL: 'sh',
    TEST_SSH_SSH: of('ssh'),
    TEST_SSH_SFTP: of('sftp'),
    TEST_SSH_SCP: of('scp'),
    TEST_SSH_SSHKEYSCAN: of('keyscan'),
    TEST_SSH_SSHKEYGEN: of('keygen'),
    TEST_SSH_SSHD: '/usr/sbin/sshd',
    TEST_SSH_SSHAGENT: '/usr/bin/ssh-agent',
    TEST_SSH_SSHADD: '/usr/bin/ssh-add',
    TEST_SSH_SFTPSERVER: of('sftp-server'),
    TEST_SSH_PLINK: 'plink',
    TEST_SSH_PUTTYGEN: 'puttygen',
    TEST_SSH_CONCH: 'conch3',
    TEST_SSH_IPV6: 'yes',
    TEST_SSH_ECC: 'yes',
    TEST_SSH_UNSAFE_PERMISSIONS: '1',
    BUILDDIR: suite,
  };
}

function genuinePrograms() {
  return {
    ssh: '/usr/bin/ssh',
    sftp: '/usr/bin/sftp',
    scp: '/usr/bin/scp',
    keyscan: '/usr/bin/ssh-keyscan',
    keygen: '/usr/bin/ssh-keygen',
    'sftp-server': '/usr/lib/openssh/sftp-server',
  };
}

/** Scripts that stand where a test expects a program without arguments. */
function ownPrograms(place) {
  const words = {
    ...{ ssh: '', sftp: ' sftp', scp: ' cp', keyscan: ' keyscan', keygen: ' keygen' },
    'sftp-server': ' sftp-server',
  };
  const bin = join(place, 'bin');
  mkdirSync(bin);
  return Object.fromEntries(
    Object.entries(words).map(([name, word]) => {
      // By the name that it has there: some tests look for it in the folder.
      const path = join(bin, name === 'keyscan' || name === 'keygen' ? `ssh-${name}` : name);
      const main = join(root, 'dist/cli/main.js');
      const start = `'${process.execPath}' '${main}'${word}`;
      const arranged = { ssh: narrowed(start), keygen: signedByTheirs() }[name] ?? '';
      writeFileSync(path, `#!/bin/sh\n${arranged}exec ${start} "$@"\n`, { mode: 0o755 });
      return [name, path];
    }),
  );
}

/**
 * Tests take what -Q lists for what the server can do too. This client knows names
 * that an older sshd does not, so these are left out of the list.
 */
function narrowed(start) {
  return `case " $* " in *' -Q '*) ${start} "$@" | grep -Fx -e none -e "$(/usr/bin/ssh "$@")"; exit 0;; esac\n`;
}

/** Certificates are not signed by this program; a test that is about something else may need some. */
function signedByTheirs() {
  return `case " $* " in *' -s '*' -I '*) exec /usr/bin/ssh-keygen "$@";; esac\n`;
}

/** The suite with the keys that each test would make for itself, which takes seconds. */
function suiteWithKeys(place) {
  const copy = join(place, 'suite');
  cpSync(suite, copy, { recursive: true, verbatimSymlinks: true });
  const { stdout } = spawnSync('/usr/bin/ssh', ['-Q', 'key-plain'], { encoding: 'utf8' });
  const types = stdout.split('\n').filter((type) => type !== '' && !type.startsWith('sk'));
  for (const type of types) {
    spawnSync('/usr/bin/ssh-keygen', ['-q', '-N', '', '-t', type, '-f', join(copy, type)]);
  }
  return copy;
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function stop(message) {
  console.error(message);
  process.exit(2);
}
