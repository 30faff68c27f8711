/**
 * `npm run pictures`: the pictures of the documents, from the real programs. A terminal
 * recording is drawn as an SVG; headless Chromium takes the page of waits.
 *
 * Owns: which pictures there are and where they go.
 * Must not know: how a terminal is recorded or drawn, what the machines do.
 *
 * It needs Linux, bash, python3 and chromium.
 */
import { execFileSync, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const pictures = join(root, 'docs');

if (!existsSync(join(here, 'node_modules/@xterm/headless'))) {
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
}
execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
const { record } = await import('./recording.mjs');
const { terminalSvg } = await import('./terminalSvg.mjs');
const { startFleet } = await import('./servers.mjs');
const { formatPrivateKey } = await import('../../dist/entry/keys.js');

const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-pictures-'));
try {
  const fleet = await startFleet(folder, { good: 84, silent: 9, stuck: 4, dropped: 3 });
  try {
    await fleetPicture(fleet);
    await copyPicture(fleet);
    await waitsPicture(fleet);
  } finally {
    await fleet.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Where the command is `deadline-ssh`, and the user's files are those of the pictures. */
function surroundings({ home }) {
  const programs = join(folder, 'bin');
  mkdirSync(programs, { recursive: true });
  const command = join(programs, 'deadline-ssh');
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" "$@"\n`, {
    mode: 0o755,
  });
  return {
    HOME: home,
    USER: 'ops',
    LOGNAME: 'ops',
    LANG: 'C.UTF-8',
    PATH: `${programs}:${dirname(process.execPath)}:${process.env.PATH}`,
  };
}

/** `shows` is what the screen must have at the end; a picture of an error is none. */
async function draw(name, { title, command, shows, rows, columns }, env) {
  const size = { rows, columns };
  const frames = await record(command, { ...size, env, folder });
  const last = frames
    .at(-1)
    .rows.flat()
    .map(({ text }) => text)
    .join('\n');
  if (!shows.test(last)) throw new Error(`“${command}” does not show ${shows}:\n${last}`);
  write(`${name}.svg`, terminalSvg(frames, { ...size, title }));
}

function write(name, content) {
  writeFileSync(join(pictures, name), content);
  console.log(`docs/${name}: ${Math.ceil(content.length / 1024)} KiB`);
}

async function fleetPicture(fleet) {
  writeFileSync(join(folder, 'hosts.txt'), fleet.hosts.map((host) => `${host}\n`).join(''));
  await draw(
    'fleet',
    {
      title:
        'deadline-ssh fleet runs a command on 100 machines; 16 do not answer; a table of the phases at its end',
      command: `deadline-ssh fleet -f hosts.txt -p ${fleet.port} -l ops --timeout 4s -- cat /etc/debian_version`,
      shows: /100 hosts/,
      rows: 26,
      columns: 96,
    },
    surroundings(fleet),
  );
}

async function copyPicture(fleet) {
  const site = join(folder, 'site');
  mkdirSync(join(site, 'assets'), { recursive: true });
  for (const [name, megabytes] of Object.entries({
    'assets/intro.mp4': 40,
    'assets/photos.tar': 22,
    'assets/app.js': 1,
    'index.html': 0.1,
  })) {
    writeFileSync(join(site, name), randomBytes(megabytes * 1_000_000));
  }
  await draw(
    'copy',
    {
      title: 'deadline-ssh cp sends a folder; a line of progress for each file and one for all',
      command: `deadline-ssh cp -r -l 120000 -P ${fleet.port} site ops@${fleet.answering[0]}:/srv`,
      shows: /100%/,
      rows: 9,
      columns: 80,
    },
    surroundings(fleet),
  );
}

/** In a process of its own, which has the clients' ends of the connections and no others. */
async function waitsPicture(fleet) {
  const program = fork(join(here, 'waiting.mjs'), {
    env: { ...process.env, HOME: fleet.home },
    serialization: 'advanced',
  });
  try {
    program.send({ hosts: fleet.hosts, port: fleet.port, privateKey: formatPrivateKey(fleet.userKey) });
    const [url] = await once(program, 'message');
    await photograph(url, join(pictures, 'waits.png'));
  } finally {
    program.kill();
  }
  console.log('docs/waits.png');
}

/** The page as it is a moment after it was loaded. */
async function photograph(url, file) {
  const profile = join(folder, 'browser');
  const browser = spawn(
    'chromium',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'],
      ...[`--user-data-dir=${profile}`, '--window-size=1000,640', '--virtual-time-budget=2500'],
      ...[`--screenshot=${file}`, url],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } },
  );
  let complaint = '';
  browser.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const tooLong = setTimeout(() => browser.kill(), 30_000);
  const [status] = await once(browser, 'exit');
  clearTimeout(tooLong);
  if (status !== 0) throw new Error(`chromium ended with ${status}: ${complaint}`);
}
