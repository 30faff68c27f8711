/**
 * Client programs use what a session has: commands, shells, subsystems,
 * terminals, variables, statuses, signals, and ends of streams in any order.
 */
import { expect, it } from 'vitest';
import type { ServerOptions } from '../../../src/entry/server.ts';
import { createServer } from '../../../src/entry/server.ts';
import { type Embedded, everyMethod, startEmbedded } from '../../support/clients/embedded.ts';
import { describeEachClient } from '../../support/clients/index.ts';
import type { ClientRequest } from '../../support/clients/kinds.ts';
import { keyText } from '../../support/clients/lab.ts';
import { ClientProcess, type Outcome, runClient } from '../../support/clients/process.ts';

const login = { key: 'ed25519' as const };

describeEachClient('sessions', (kind, lab) => {
  type Asked = Omit<ClientRequest, 'port' | 'login'>;

  const invoke = (server: Embedded, asked: Asked) => kind.invoke(lab, { port: server.port, login, ...asked });

  async function run(asked: Asked, input?: string, options?: Partial<ServerOptions>): Promise<Outcome> {
    await using server = await startEmbedded(options);
    const outcome = await runClient(invoke(server, asked), input);
    expect(server.faults).toEqual([]);
    return outcome;
  }

  it('a command has its own outputs and status', async () => {
    const outcome = await run({ command: 'greet all of you' });
    expect(outcome).toEqual({ code: 7, stdout: 'hello all of you\n', stderr: 'from ops\n' });
  });

  it('a command reads its input to the end', async () => {
    expect(await run({ command: 'cat' }, 'one\ntwo\n')).toEqual({
      code: 0,
      stdout: 'one\ntwo\n',
      stderr: '',
    });
    expect((await run({ command: 'cat' }, '')).stdout).toBe('');
  });

  it('a command that ends is not held up by input that does not', async () => {
    await using server = await startEmbedded();
    const running = new ClientProcess(invoke(server, { command: 'greet early' }));
    const outcome = await running.outcome;
    expect(outcome).toMatchObject({ code: 7, stdout: 'hello early\n' });
    expect(running.child.stdin.writableEnded).toBe(false);
  });

  it('a command may end its output before its input is over', async () => {
    await using server = await startEmbedded();
    const running = new ClientProcess(invoke(server, { command: 'closeFirst' }));
    await expect.poll(() => running.shownOn('stdout'), { timeout: 10_000 }).toBe('the end\n');
    running.child.stdin.end('x'.repeat(10_000));
    expect(await running.outcome).toEqual({ code: 5, stdout: 'the end\n', stderr: 'read 10000\n' });
  });

  if (kind.staysAfterEof) {
    it('a command may read on after all of its output has ended', async () => {
      await using server = await startEmbedded();
      const running = new ClientProcess(invoke(server, { command: 'closeAll' }));
      await expect.poll(() => running.shownOn('stdout'), { timeout: 10_000 }).toBe('the end\n');
      running.child.stdin.end('x'.repeat(256 * 400 + 9));
      expect(await running.outcome).toEqual({ code: 9, stdout: 'the end\n', stderr: '' });
    });
  }

  it('a shell takes lines until it exits', async () => {
    expect(await run({}, 'one\ntwo\nexit\n')).toMatchObject({
      code: 3,
      stdout: '$ you typed one\r\n$ you typed two\r\n$ ',
    });
  });

  it('a shell ends with its input', async () => {
    expect(await run({}, 'one\n')).toMatchObject({ code: 0, stdout: '$ you typed one\r\n$ ' });
  });

  it('a subsystem is asked for by its name', async () => {
    expect(await run({ subsystem: 'echo' }, 'through it')).toMatchObject({ code: 0, stdout: 'through it' });
  });

  it('a subsystem that is not there is refused', async () => {
    const outcome = await run({ subsystem: 'missing' });
    expect(outcome.stdout).toBe('');
    // A client that wanted no answer to its request sees the channel close.
    if (kind.wantsAnswers) expect(outcome.code).not.toBe(0);
  });

  it('there is no terminal unless it is asked for', async () => {
    expect(await run({ command: 'tty', pty: false })).toMatchObject({ code: 1, stdout: 'no terminal\r\n' });
  });

  it('a signal that ends the command is no status', async () => {
    const outcome = await run({ command: 'die TERM' });
    expect(outcome.stdout).toBe('about to die\n');
    expect(outcome.code).toBe(kind.statusOfSignal);
  });

  it('nothing is run where the server serves no commands', async () => {
    await using server = await startEmbedded();
    await using bare = await createServer({
      hostKeys: keyText('ed25519'),
      authentication: everyMethod,
      subsystems: {},
    });
    const { port } = await bare.listen();
    const outcome = await runClient(kind.invoke(lab, { port, login, command: 'greet you' }));
    expect(outcome.stdout).toBe('');
    expect(outcome.code).not.toBe(7);
    expect(await runClient(invoke(server, { command: 'greet you' }))).toMatchObject({ code: 7 });
  });

  it('a handler that throws ends its command with 255 and nothing else', async () => {
    await using server = await startEmbedded();
    const failing = await runClient(invoke(server, { command: 'throw' }));
    expect(failing.code).toBe(255);
    expect(server.faults).toEqual([new Error('a fault of the handler')]);
    expect(await runClient(invoke(server, { command: 'greet after' }))).toMatchObject({ code: 7 });
  });

  it('the command is told when its client is killed', async () => {
    let aborted: unknown;
    await using server = await startEmbedded({
      exec: (process) =>
        new Promise((resolve) => {
          process.stdout.write('waiting\n');
          process.signal.addEventListener('abort', () => {
            aborted = process.signal.reason;
            resolve(0);
          });
        }),
    });
    const running = new ClientProcess(invoke(server, { command: 'anything' }));
    await expect.poll(() => running.shownOn('stdout'), { timeout: 10_000 }).toBe('waiting\n');
    await running.kill();
    await expect.poll(() => aborted, { timeout: 10_000 }).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
    await expect.poll(() => server.server.connections().length).toBe(0);
  });

  if (!kind.lacks.has('env')) {
    it('variables reach the command', async () => {
      const outcome = await run({ command: 'env DLSSH_NAME', env: { DLSSH_NAME: 'a value' } });
      expect(outcome).toMatchObject({ code: 0, stdout: 'DLSSH_NAME=a value\n' });
    });
  }

  it('many commands at once are all served', async () => {
    await using server = await startEmbedded();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, i) => runClient(invoke(server, { command: `greet ${i}` }))),
    );
    expect(outcomes.map(({ stdout }) => stdout)).toEqual(outcomes.map((_, i) => `hello ${i}\n`));
    expect(server.faults).toEqual([]);
  });
});
