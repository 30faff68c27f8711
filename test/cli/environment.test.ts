/**
 * The command where a machine gives it less than usual: another locale, no home,
 * nobody by name, standard streams that are closed, full or broken.
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { describeWith } from '../support/servers/programs.ts';

const command = useBuiltCommand();
const newHome = useHomes();
const userKey = generateKey('ed25519');
const hostKey = generateKey('ed25519');
const text = 'grüße 你好 🦦';
let server: SshServer;
let port: number;
/** Commands that were run, and as whom. */
const ran: string[] = [];

beforeAll(async () => {
  const known = formatPublicKey(userKey.publicKey);
  server = await createServer({
    hostKeys: hostKey,
    banner: `${text}\n`,
    authentication: { publicKey: (_username, { key }) => formatPublicKey(key) === known },
    exec: async ({ username, stdin, stdout, stderr }, line) => {
      ran.push(`${username}: ${line}`);
      const size = /^head -c (\d+) \/dev\/zero$/.exec(line)?.[1];
      if (size !== undefined) stdout.write(new Uint8Array(Number(size)));
      else if (line === 'wc -c') {
        let length = 0;
        for await (const chunk of stdin) length += (chunk as Uint8Array).length;
        stdout.write(`${length}\n`);
      } else if (line === 'cat') for await (const chunk of stdin) stdout.write(chunk);
      else if (line === 'much') stdout.write(new Uint8Array(3_000_000).fill(0x78));
      else stdout.write(`${line}\n`);
      stderr.write('said\n');
      return 3;
    },
  });
  ({ port } = await server.listen());
});

afterAll(() => server.close());

function home(): Home {
  const made = newHome();
  made.write('id_ed25519', formatPrivateKey(userKey));
  made.write('known_hosts', `[127.0.0.1]:${port} ${formatPublicKey(hostKey.publicKey)}\n`);
  return made;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a line for `sh` in which `"$@"` is the command with these arguments. */
function shell(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = { HOME: home().path },
): Promise<Ended> {
  const { PATH = '' } = process.env;
  const argv = ['-c', script, 'sh', process.execPath, command(), ...args];
  // A session of its own has no terminal to ask on.
  const child = spawn('sh', argv, { env: { PATH, ...env }, detached: true, stdio: 'pipe', timeout: 20_000 });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  child.stdin.on('error', () => {});
  child.stdin.end('typed\n');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...output }));
  });
}

const target = (): string => `ops@127.0.0.1:${port}`;
const said = `${text}\nsaid\n`;

describe('a locale', () => {
  it.each(['C', 'POSIX', 'de_DE.ISO-8859-1', ''])(
    'of %j changes no byte of a command and of its output',
    async (locale) => {
      const env = { HOME: home().path, LANG: locale, LC_ALL: locale };
      expect(await shell('exec "$@"', [target(), text], env)).toEqual({
        status: 3,
        stdout: `${text}\n`,
        stderr: said,
      });
      expect(ran.at(-1)).toBe(`ops: ${text}`);
    },
  );
});

describe('standard streams', () => {
  it.each<[string, string, string[], Partial<Ended>]>([
    ['input that is closed', 'exec "$@" <&-', ['cat'], { status: 3, stdout: '', stderr: said }],
    ['input that is a folder', 'exec "$@" </', ['cat'], { status: 3, stdout: '', stderr: said }],
    ['input that has ended', 'exec "$@" </dev/null', ['cat'], { status: 3, stdout: '', stderr: said }],
    ['output that is closed', 'exec "$@" >&-', ['x'], { status: 3, stdout: '', stderr: said }],
    ['errors that are closed', 'exec "$@" 2>&-', ['x'], { status: 3, stdout: 'x\n', stderr: '' }],
    ['all of them closed', 'exec "$@" <&- >&- 2>&-', ['cat'], { status: 3, stdout: '', stderr: '' }],
    ['output that is only read', 'exec "$@" 1</dev/null', ['x'], { status: 255, stdout: '' }],
    ['a reader that goes away', '{ "$@"; echo $? >&2; } | head -c 1', ['much'], { status: 0, stdout: 'x' }],
  ])('%s', async (_, script, words, expected) => {
    expect(await shell(script, [target(), ...words])).toMatchObject(expected);
  });

  it('of which a reader goes away: the status says so', async () => {
    const { stderr } = await shell('{ "$@"; echo $? >&2; } | head -c 1', [target(), 'much']);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('141');
  });

  it.each([
    ['a command', () => [target(), 'x']],
    ['a command with --json', () => ['--json', target(), 'x']],
    ['bench', () => ['bench', '--size', '1K', '-c', 'aes128-ctr', target()]],
    ['bench with --json', () => ['bench', '--json', '--size', '1K', '-c', 'aes128-ctr', target()]],
  ])('of which the output is full: %s says so and fails', async (_, args) => {
    const { status, stderr } = await shell('exec "$@" >/dev/full', args());
    expect(stderr).toContain('deadline-ssh: the output cannot be written: ENOSPC');
    expect(stderr).not.toMatch(/unexpected|\bat .*\.js/);
    expect(status).toBe(255);
  });

  it('of which the output of a fleet is full: it says so and fails', async () => {
    const made = home();
    const list = join(made.path, 'hosts');
    writeFileSync(list, `${target()}\n`);
    const { status, stderr } = await shell('exec "$@" >/dev/full', ['fleet', '-f', list, 'x'], {
      HOME: made.path,
    });
    expect(stderr).toContain('deadline-ssh: the output cannot be written: ENOSPC');
    expect(status).toBe(255);
  });
});

describe('a home', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['that is not told', {}],
    ['that does not exist', { HOME: '/nonexistent' }],
    ['that is empty', { HOME: '' }],
    ['that is relative', { HOME: 'here' }],
  ])('%s leaves no key to trust, and says where it looked', async (_, env) => {
    const { status, stdout, stderr } = await shell('cd / && exec "$@"', [target(), 'x'], env);
    expect([status, stdout]).toEqual([255, '']);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^deadline-ssh: .*the host key of \[127\.0\.0\.1\]:\d+ .* is not in \S+/);
    expect(stderr).toContain('/etc/ssh/ssh_known_hosts');
  });

  it('that is no folder ends the dial, since what is known cannot be read', async () => {
    const { status, stdout, stderr } = await shell('exec "$@"', [target(), 'x'], { HOME: '/dev/null' });
    expect([status, stdout]).toEqual([255, '']);
    expect(stderr).toMatch(/^deadline-ssh: .*cannot read .*\/dev\/null\/\.ssh\/known_hosts: ENOTDIR.*\n$/);
  });

  it('that is not told is the one that the system knows', async () => {
    const { stderr } = await shell('exec "$@"', [target(), 'x'], {});
    expect(stderr).toContain(join(userInfo().homedir, '.ssh', 'known_hosts'));
  });

  it('that is a folder one may not write leaves a command as it is', async () => {
    const made = home();
    expect(
      await shell('chmod 500 "$HOME" "$HOME/.ssh"; exec "$@"', [target(), 'x'], { HOME: made.path }),
    ).toEqual({
      status: 3,
      stdout: 'x\n',
      stderr: said,
    });
  });
});

/** As a user whom the system does not know, who may read what root may. */
const asNobody = [
  'setpriv --reuid 54321 --clear-groups --inh-caps +dac_override --ambient-caps +dac_override',
].join(' ');

function namelessObstacle(): string | undefined {
  const { status } = spawnSync('sh', ['-c', `${asNobody} true`], { stdio: 'ignore' });
  return status === 0 ? undefined : 'programs cannot be run as another user here';
}

describeWith({ programs: [], root: true, obstacle: namelessObstacle }, 'a user without a name', () => {
  const nameless = `exec ${asNobody} "$@"`;

  it('is asked for one', async () => {
    const { status, stderr } = await shell(nameless, [`127.0.0.1:${port}`, 'x']);
    expect([status, stderr]).toEqual([
      255,
      'deadline-ssh: this system does not tell who you are; name a user with -l\n',
    ]);
  });

  it('who gives one is let in', async () => {
    expect(await shell(nameless, [target(), 'x'])).toEqual({ status: 3, stdout: 'x\n', stderr: said });
  });

  it('nor a home is told what is missing, in one line', async () => {
    const { status, stderr } = await shell(nameless, [target(), 'x'], {});
    expect(status).toBe(255);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^deadline-ssh: .*is not in \/etc\/ssh\/ssh_known_hosts/);
  });
});
