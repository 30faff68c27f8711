/** The way through a program on its stdin and stdout, and what a program can do instead of its work. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptAnyHostKey,
  type Client,
  type ConnectOptions,
  connect,
  SshError,
} from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { describeServer, isRoot, nothingIsLeft, openSsh } from '../support/servers/index.ts';
import { pathOf } from '../support/servers/programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'proxy-command-'));
/** Carries its stdin and stdout to a port of this machine, as `nc` does. */
const carry = [
  process.execPath,
  '-e',
  "const s = require('net').connect(+process.argv[2], process.argv[1]); process.stdin.pipe(s).pipe(process.stdout)",
];
let server: SshServer;
let port: number;

beforeAll(async () => {
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    exec: (process, command) => {
      if (command === 'wait')
        return new Promise((resolve) => process.signal.addEventListener('abort', () => resolve(0)));
      process.stdin.pipe(process.stdout);
      return new Promise((resolve) => process.stdout.on('finish', () => resolve(0)));
    },
  });
  ({ port } = await server.listen());
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

afterEach(nothingIsLeft);

function dial(proxyCommand: string | readonly string[], more: ConnectOptions = {}): Promise<Client> {
  return connect({
    host: '127.0.0.1',
    port,
    username: 'any',
    auth: ['none'],
    verifyHostKey: acceptAnyHostKey(),
    proxyCommand,
    ...more,
  });
}

async function failure(
  proxyCommand: string | readonly string[],
  more: ConnectOptions = {},
): Promise<SshError> {
  const error = await dial(proxyCommand, more).then(
    () => new Error('connected'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SshError)) throw new Error('no typed error', { cause: error });
  return error;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended stays until its parent has looked.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
const line = `${quoted(carry)} %h %p`;

describe('proxyCommand', () => {
  it.each([
    ['a line for the shell', line],
    ['a program and its arguments', [...carry, '%h', '%p']],
  ])('connects through %s', async (_kind, command) => {
    await using client = await dial(command);
    const data = Buffer.alloc(3 * 1024 * 1024, 'forward');
    const { stdout } = await client.run('cat', { input: data, encoding: 'buffer' });
    expect(Buffer.compare(stdout, data)).toBe(0);
  });

  it('gives the program pipes, and tells of what it says beside them', async () => {
    const said: string[] = [];
    const probe = '[ -p /proc/self/fd/0 ] && [ -p /proc/self/fd/1 ] && echo "both are pipes" >&2';
    const told = 'printf "two\\033[31m\\nlines" >&2';
    await using _client = await dial(`${probe}; ${told}; ${line}`, { onDebug: (text) => said.push(text) });
    const lines = said.filter((text) => text.startsWith('proxyCommand says: '));
    expect(lines).toContain('proxyCommand says: both are pipes');
    expect(lines).toContain('proxyCommand says: two\\x1b[31m');
  });

  it.each([
    ['%h %p %r %n %%', '127.0.0.1 PORT any 127.0.0.1 %'],
    ['%%h', '%h'],
  ])('knows %s', async (tokens, meant) => {
    const error = await failure(`echo ${tokens} >&2; exit 3`);
    expect(error.message).toContain(
      `ended with status 3 and had said nothing: ${meant.replace('PORT', String(port))}`,
    );
  });

  it.each<[string, ConnectOptions, string]>([
    ['nc %x', {}, 'proxyCommand has "%x"; it knows %h, %p, %r, %n and %%'],
    ['nc %', {}, 'proxyCommand has "%"; it knows'],
    ['nc %h', { host: '`id`' }, 'host has characters that are not safe in a proxyCommand'],
    ['nc %n', { host: "a'b" }, 'host has characters that are not safe in a proxyCommand'],
    ['nc %h', { host: '-oops' }, 'host has characters that are not safe in a proxyCommand'],
    ['nc %r', { username: '$(id)' }, 'username has characters that are not safe in a proxyCommand'],
    ['nc %h', { proxy: 'socks5://p' }, 'proxy and proxyCommand exclude each other'],
  ])('OpenSSH 0a0ef4515, CVE-2023-51385: refuses %s with %j', async (command, more, message) => {
    const error = await failure(command, more);
    expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    expect(error.message).toContain(message);
  });

  it('that is not there fails the dial at once', async () => {
    const line = await failure('/no/such/program %h');
    expect(line).toMatchObject({ code: 'ERR_SSH_CONNECT', host: '127.0.0.1', port, origin: 'local' });
    expect(line.message).toMatch(/the proxy command ended with status 127 and had said nothing: .*not found/);
    const list = await failure(['/no/such/program']);
    expect(list).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect' });
    expect(list.message).toMatch(/the proxy command could not be started: .*ENOENT/);
  });

  it('that ends early says how, and what it said last', async () => {
    expect((await failure('echo one >&2; echo two >&2; exit 9')).message).toMatch(
      /the proxy command ended with status 9 and had said nothing: two$/,
    );
    expect((await failure('kill -9 $$')).message).toMatch(/was ended by SIGKILL and had said nothing$/);
    expect((await failure('exec >&-; exec sleep 60')).message).toMatch(
      /closed its output and had said nothing$/,
    );
  });

  it('that prints garbage, or nothing, fails by the deadline or the rule for that', async () => {
    expect(await failure('echo usage: nc; exit 1')).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
    const timeouts = { proxyCommand: 150, identification: 250 };
    expect(await failure('exec sleep 60', { timeouts })).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'proxyCommand',
      phase: 'identification',
      deadline: 150,
      message: expect.stringContaining('waiting for the first byte through the proxy command'),
    });
    // Its first byte begins the wait for the identification, whose deadline no further byte moves.
    expect(await failure('while echo x; do sleep 0.02; done', { timeouts })).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'identification',
      deadline: 250,
    });
  });

  it('ends with the connection, and so does all that it started', async () => {
    for (const [how, signals] of [
      ['close', ''],
      ['destroy', ''],
      ['destroy', 'trap "" TERM HUP INT;'],
    ] as const) {
      const file = join(folder, `pids-${how}-${signals.length}`);
      const helper = `(${signals} sleep 1000; sleep 1000) & echo $! >> ${file}`;
      const command = `${signals} echo $$ > ${file}; ${helper}; ${line}`;
      const client = await dial(command, { timeouts: { close: 300 } });
      const running = client.run('wait').catch((error: SshError) => error.code);
      const pids = readFileSync(file, 'utf8').trim().split('\n').map(Number);
      expect(pids.map(isAlive)).toEqual([true, true]);
      if (how === 'close') await client.close();
      else client.destroy();
      expect((await client.closed).code).toBe('ERR_SSH_CLOSED');
      expect(await running).toBe('ERR_SSH_CLOSED');
      // The system may take a moment to end what was killed.
      await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
    }
  });

  it('that dies under a connection ends it, and tells why', async () => {
    const file = join(folder, 'dying');
    await using client = await dial(`echo $$ > ${file}; exec ${line}`);
    const running = client.run('wait').catch((error: unknown) => error);
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
    expect(await client.closed).toMatchObject({
      code: 'ERR_SSH_CONNECTION_LOST',
      message: expect.stringContaining('the proxy command was ended by SIGKILL'),
    });
    await running;
  });

  it('is given up with the dial, at whatever moment that is', async () => {
    for (const delay of [0, 1, 3, 8, 20]) {
      const abort = new AbortController();
      const dialling = failure('exec sleep 60', { signal: abort.signal });
      setTimeout(() => abort.abort(), delay);
      expect((await dialling).code).toBe('ERR_SSH_ABORTED');
      await nothingIsLeft();
    }
  });
});

describeServer('proxyCommand', openSsh, (lab) => {
  it('may be sshd -i, which takes it for no network', async () => {
    if (isRoot) mkdirSync('/run/sshd', { recursive: true });
    const config = lab().file(
      [
        `HostKey ${lab().hostKeys.of('ed25519').path}`,
        `AuthorizedKeysFile ${lab().authorize(['ed25519'])}`,
        'StrictModes no',
        'UsePAM no',
        'PermitRootLogin yes',
        'PidFile none',
        '',
      ].join('\n'),
    );
    await using client = await connect({
      host: 'anything',
      username: lab().account.name,
      privateKey: lab().userKeys.textOf('ed25519'),
      verifyHostKey: acceptAnyHostKey(),
      proxyCommand: [pathOf('sshd'), '-i', '-f', config],
    });
    // With a socket in place of pipes it names no address at all at its own end.
    expect((await client.run('echo "$SSH_CONNECTION"')).stdout).toBe('UNKNOWN 65535 UNKNOWN 65535\n');
  });
});
