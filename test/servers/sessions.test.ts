/**
 * Sessions on real servers: commands, shells, subsystems, terminals, signals,
 * input and output (RFC 4254 §6).
 */

import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { beforeAll, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { RemoteProcess } from '../../src/entry/index.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { describeEachServer, setupTimeout, type TestServer } from '../support/servers/index.ts';

/** The next bytes of a stream until they hold what is looked for; all that was read. */
async function readUntil(stream: Readable, wanted: RegExp | string): Promise<string> {
  let text = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return text;
  }
  throw new Error(`the stream ended without ${String(wanted)} in ${JSON.stringify(text)}`);
}

/**
 * Waits until commands that were given up have ended. Dropbear 2022.83 closes a
 * channel that is opened just as another one's process ends, so what follows on
 * the same connection would be a matter of luck.
 */
async function channelsGone(client: Client): Promise<void> {
  for (let i = 0; i < 100_000 && client.inspect().channels.length > 0; i++) await client.ping();
  expect(client.inspect().channels).toEqual([]);
}

describeEachServer('a session', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab());
  }, setupTimeout);

  it('runs a command to its end with its output and its status', async () => {
    await using client = await server.connect();
    const { stdout, stderr, code, signal } = await client.run('echo out; echo err >&2; exit 7');
    expect({ stdout, stderr, code, signal }).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      code: 7,
      signal: undefined,
    });
  });

  it('feeds a command its input, from text, bytes and pieces as they come', async () => {
    await using client = await server.connect();
    async function* pieces(): AsyncGenerator<string | Uint8Array> {
      yield 'one ';
      await client.ping();
      yield new Uint8Array([0x74, 0x77, 0x6f]);
    }
    expect((await client.run('cat', { input: 'text: ü' })).stdout).toBe('text: ü');
    expect((await client.run('cat', { input: new Uint8Array([0x62, 0x79]) })).stdout).toBe('by');
    expect((await client.run('cat', { input: pieces() })).stdout).toBe('one two');
    expect((await client.run('cat')).stdout).toBe('');
  });

  it('gives output in the encoding that was asked for', async () => {
    await using client = await server.connect();
    const command = "printf '\\303\\274\\377'";
    expect((await client.run(command)).stdout).toBe('ü\ufffd');
    expect((await client.run(command, { encoding: 'latin1' })).stdout).toBe('\u00c3\u00bc\u00ff');
    expect([...(await client.run(command, { encoding: 'buffer' })).stdout]).toEqual([0xc3, 0xbc, 0xff]);
  });

  it('does not mind a command that leaves its input unread', async () => {
    await using client = await server.connect();
    const input = new Uint8Array(8 * 1024 * 1024);
    expect((await client.run('exec true', { input, timeout: 10_000 })).code).toBe(0);
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
  });

  it('carries 10 MiB on stdout and stderr at once', async () => {
    await using client = await server.connect();
    const [out, err] = [randomBytes(10 * 1024 * 1024), randomBytes(10 * 1024 * 1024)];
    const [outFile, errFile] = [lab().file(out), lab().file(err)];
    const command = `cat ${outFile} & cat ${errFile} >&2; wait`;
    const { stdout, stderr, code } = await client.run(command, { encoding: 'buffer' });
    expect(code).toBe(0);
    expect(Buffer.compare(stdout, out)).toBe(0);
    expect(Buffer.compare(stderr, err)).toBe(0);
  });

  it('ends a command that takes or writes too much, and goes on', async () => {
    await using client = await server.connect();
    await expect(client.run('exec sleep 60', { timeout: 200 })).rejects.toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      origin: 'deadline',
      phase: 'connection',
      waitingFor: 'command',
      deadline: 200,
    });
    await channelsGone(client);
    await expect(client.run('cat /dev/zero', { maxBuffer: 100_000 })).rejects.toMatchObject({
      code: 'ERR_SSH_MAX_BUFFER',
      origin: 'user',
    });
    await channelsGone(client);
    const controller = new AbortController();
    const aborted = client.run('exec sleep 60', { signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED', origin: 'user' });
    await channelsGone(client);
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
    expect(client.inspect().waits.filter(({ name }) => name !== 'write')).toEqual([]);
  });

  it('tells the signal that ended a command', async () => {
    await using client = await server.connect();
    expect(await client.run('kill -KILL $$')).toMatchObject({ code: undefined, signal: 'KILL' });
  });

  it.each(['TERM', 'SIGINT', 'KILL'])('sends %s to a command', async (signal) => {
    await using client = await server.connect();
    const started = lab().file('started\n');
    // The program itself says that it runs: dash loses a SIGINT that comes while it turns into one.
    const sleeper = await client.exec(`exec tail -f ${started}`);
    await readUntil(sleeper.stdout, 'started');
    sleeper.kill(signal);
    drain(sleeper);
    expect(await sleeper.exit).toMatchObject({ code: undefined, signal: signal.replace('SIG', '') });
  });

  it('streams a command both ways', async () => {
    await using client = await server.connect();
    const echo = await client.exec('cat');
    for (const line of ['first\n', 'second\n']) {
      echo.stdin.write(line);
      expect(await readUntil(echo.stdout, '\n')).toBe(line);
    }
    echo.stdin.end();
    drain(echo);
    expect(await echo.exit).toMatchObject({ code: 0 });
  });

  it('closes the channel of an endless command in bounded time', async () => {
    await using client = await server.connect({ timeouts: { close: 500 } });
    const endless = await client.exec('exec cat /dev/zero');
    await readUntil(endless.stdout, /\0/);
    await endless.close();
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
    // OpenSSH breaks the command's pipe; dropbear leaves it blocked and says nothing.
    const left = client.inspect().channels.map(({ state }) => state);
    expect(left).toEqual(kind.name === 'OpenSSH' ? [] : ['closing']);
  });

  it('has a terminal of the size, type and modes that were asked for', async () => {
    await using client = await server.connect();
    const pty = { columns: 101, rows: 37, term: 'vt100', modes: { ECHO: 0 } };
    const { stdout } = await client.run('stty size; echo "$TERM"; stty -a; test -t 0', { pty });
    const [size, term, ...modes] = stdout.split('\r\n');
    expect({ size, term }).toEqual({ size: '37 101', term: 'vt100' });
    expect(modes.join(' ')).toMatch(/ -echo /);
  });

  it('tells a command when its terminal changes size', async () => {
    await using client = await server.connect();
    const pty = { columns: 80, rows: 24, modes: { ECHO: 0 } };
    const terminal = await client.exec('stty size; read line; stty size', { pty });
    expect(await readUntil(terminal.stdout, '\n')).toBe('24 80\r\n');
    terminal.resize(132, 50);
    terminal.stdin.write('\n');
    expect(await readUntil(terminal.stdout, '\n')).toBe('50 132\r\n');
    drain(terminal);
    expect(await terminal.exit).toMatchObject({ code: 0 });
  });

  it('starts a shell on a terminal', async () => {
    await using client = await server.connect();
    const shell = await client.shell({ columns: 90, rows: 30 });
    shell.stdin.write('stty size; echo $((40 + 2))-x\nexit 3\n');
    expect(await readUntil(shell.stdout, '42-x')).toContain('30 90');
    drain(shell);
    expect(await shell.exit).toMatchObject({ code: 3 });
  });

  it('starts a shell without a terminal', async () => {
    await using client = await server.connect();
    const shell = await client.shell({ pty: false });
    shell.stdin.end('test -t 0 || echo no terminal\nexit 4\n');
    expect(await readUntil(shell.stdout, '\n')).toBe('no terminal\n');
    drain(shell);
    expect(await shell.exit).toMatchObject({ code: 4 });
  });

  it('names the environment variables that the server refused', async () => {
    await using client = await server.connect();
    const env = { DLSSH_ONE: 'first value', OTHER: 'x' };
    const { stdout, refusedEnv } = await client.run('echo "[$DLSSH_ONE][$OTHER]"', { env });
    // dropbear takes none.
    const expected =
      kind.name === 'OpenSSH'
        ? { stdout: '[first value][]\n', refusedEnv: ['OTHER'] }
        : { stdout: '[][]\n', refusedEnv: ['DLSSH_ONE', 'OTHER'] };
    expect({ stdout, refusedEnv }).toEqual(expected);
  });

  it('starts the sftp subsystem, which tells its version', async () => {
    await using client = await server.connect();
    const sftp = await client.subsystem('sftp');
    // SSH_FXP_INIT (draft-ietf-secsh-filexfer-02 §4): length, type 1, version 3.
    sftp.write(new WireWriter().uint32(5).byte(1).uint32(3).copyWritten());
    const reply: Buffer[] = [];
    for await (const chunk of sftp.iterator({ destroyOnReturn: false })) {
      reply.push(chunk as Buffer);
      if (Buffer.concat(reply).length >= 9) break;
    }
    const reader = new WireReader(new Uint8Array(Buffer.concat(reply)));
    expect(reader.uint32()).toBeGreaterThanOrEqual(5);
    expect(reader.byte()).toBe(2);
    expect(reader.uint32()).toBe(3);
    sftp.destroy();
  });

  it('says so where there is no such subsystem', async () => {
    await using client = await server.connect();
    await expect(client.subsystem('no-such-thing')).rejects.toMatchObject({
      code: 'ERR_SSH_REQUEST_FAILED',
      phase: 'connection',
      origin: 'peer',
    });
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
  });

  it('is asked for a sign of life and for new keys', async () => {
    await using client = await server.connect();
    expect(await client.ping()).toBeGreaterThan(0);
    await client.rekey();
    expect((await client.run('echo under new keys')).stdout).toBe('under new keys\n');
  });
});

/** Lets what is still to come go by, so that the process can end. */
function drain(process: RemoteProcess): void {
  process.stdout.resume();
  process.stderr.resume();
}
