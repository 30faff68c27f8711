/**
 * Commands on real servers: words for the server's shell, the folder they run
 * in, input that is never over, output as it comes and as far as it came, and
 * as many at once as the server allows.
 */
import { mkdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { RunInput } from '../../src/client/command/commandInput.ts';
import {
  describeEachServer,
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const odd = [
  '',
  ' ',
  "it's",
  '$HOME',
  '`id`',
  '*',
  '~',
  'a\nb',
  '"',
  '\\',
  '\\\\n',
  '!',
  '#',
  '-n',
  'ü☃',
  '$(id)',
];

describeEachServer('a command', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab());
  }, setupTimeout);

  it('of a program and its arguments gets these as they are', async () => {
    await using client = await server.connect();
    const printer = ['sh', '-c', 'for word do printf "%s\\0" "$word"; done', 'sh'];
    expect((await client.run([...printer, ...odd])).stdout).toBe(odd.map((word) => `${word}\0`).join(''));
    const word = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1 }), async (words) => {
        const { stdout } = await client.run([...printer, ...words]);
        expect(stdout).toBe(words.map((text) => `${text}\0`).join(''));
      }),
      { numRuns: 15 },
    );
    const process = await client.exec(['printf', '%s', "it's"]);
    process.stderr.resume();
    expect(String(await process.stdout.toArray())).toBe("it's");
  });

  it('runs in the folder that was asked for, whatever it is called', async () => {
    await using client = await server.connect();
    const folder = `${lab().newPath()} it's $HOME`;
    mkdirSync(folder);
    expect((await client.run('pwd; cat', { cwd: folder, input: 'x' })).stdout).toBe(`${folder}\nx`);
    expect((await client.run(['pwd'], { cwd: folder })).stdout).toBe(`${folder}\n`);
    const home = (await client.run('pwd')).stdout;
    expect((await client.run('pwd', { cwd: '.' })).stdout).toBe(home);
    const process = await client.exec('pwd', { cwd: folder });
    process.stderr.resume();
    expect(String(await process.stdout.toArray())).toBe(`${folder}\n`);
  });

  it('is not run where that folder cannot be entered', async () => {
    await using client = await server.connect();
    const { code, stdout, stderr } = await client.run('echo ran || echo ran', { cwd: '/no/such/folder' });
    expect(code).toBeGreaterThan(0);
    expect(stdout).toBe('');
    expect(stderr).toContain('/no/such/folder');
  });

  it('ends its input with itself', async () => {
    await using client = await server.connect();
    const idle = new PassThrough();
    idle.write('one line\n');
    expect(await client.run('read line; echo "got $line"', { input: idle })).toMatchObject({
      code: 0,
      stdout: 'got one line\n',
    });
    expect(idle.destroyed).toBe(true);
    // One that says nothing at all, without end, leaves the event loop to others.
    function* nothing(): Generator<string> {
      for (;;) yield '';
    }
    expect((await client.run('exit 5', { input: nothing() })).code).toBe(5);
    const never: RunInput = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    expect((await client.run('kill -KILL $$', { input: never })).signal).toBe('KILL');
  });

  it('tells its output as it comes', async () => {
    await using client = await server.connect();
    const told: string[] = [];
    let goOn = (): void => {};
    const begun = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* input(): AsyncGenerator<string> {
      // The command waits for what only its own output sets off.
      await begun;
      yield 'x';
    }
    const { stdout, stderr } = await client.run('echo begun; cat; echo failed >&2', {
      input: input(),
      onStdout: (piece) => {
        told.push(`out:${piece}`);
        goOn();
      },
      onStderr: (piece) => told.push(`err:${piece}`),
    });
    expect([stdout, stderr]).toEqual(['begun\nx', 'failed\n']);
    expect(told[0]).toBe('out:begun\n');
    expect(told).toContain('err:failed\n');
  });

  it('that fails has its output so far on the error', async () => {
    const client = await server.connect();
    const line = 'echo out; echo err >&2; exec sleep 60';
    let seen = '';
    const waiting = client.run(line, {
      onStdout: (piece) => {
        seen += piece;
      },
    });
    const timed = client.run(line, { timeout: 2_000 });
    await expect(timed).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT', stdout: 'out\n', stderr: 'err\n' });
    expect(seen).toBe('out\n');
    server.process.killConnections();
    await expect(waiting).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECTION_LOST',
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });
});

describeServer('sessions of one connection', openSsh, (lab) => {
  it('beyond MaxSessions are refused with a word about that, and wait for their turn when told to', async () => {
    const server = await startOpenSsh(lab(), { config: { MaxSessions: 2 } });
    const client = await server.connect();
    const held = [await client.exec('exec cat'), await client.exec('exec cat')];
    await expect(client.run('true')).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      channelOpenReason: 2,
      message: expect.stringMatching(
        /2 are open on this connection, and servers allow a number of them \(OpenSSH 10 by default.*maxChannels/,
      ),
    });
    for (const { stdin, stdout, stderr, exit } of held) {
      stdin.end();
      stdout.resume();
      stderr.resume();
      await exit;
    }
    const runs = Array.from({ length: 12 }, (_, index) => client.run(`echo ${index}`, { maxChannels: 2 }));
    const outputs = (await Promise.all(runs)).map(({ stdout }) => stdout);
    expect(outputs).toEqual(runs.map((_, index) => `${index}\n`));
    await client.close();
    await using bounded = await server.connect({ maxChannels: 2 });
    const more = await Promise.all(Array.from({ length: 12 }, (_, index) => bounded.run(`exit ${index}`)));
    expect(more.map(({ code }) => code)).toEqual([...Array(12).keys()]);
    await server.stop();
  });

  it('come one behind the other where a server allows one only', async () => {
    const server = await startOpenSsh(lab(), { config: { MaxSessions: 1 } });
    await using client = await server.connect();
    for (let i = 0; i < 20; i++) expect((await client.run(`exit ${i}`)).code).toBe(i);
    await server.stop();
  });

  it('that a server allows to nobody are refused with a word about that', async () => {
    const server = await startOpenSsh(lab(), { config: { MaxSessions: 0 } });
    await using client = await server.connect();
    await expect(client.run('true')).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      message: expect.stringMatching(/no other is open on this connection, so it may allow this user none/),
    });
    await server.stop();
  });
});
