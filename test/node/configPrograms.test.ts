/** Commands that a configuration runs: in the user's shell, and no longer than the reading lasts. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runInShell } from '../../src/node/config/configPrograms.ts';

const idle = new AbortController().signal;
const note = join(tmpdir(), `shell-${process.pid}`);
beforeEach(() => vi.stubEnv('SHELL', '/bin/sh'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(note, { force: true });
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // One that has ended and that nobody has waited for is there in name alone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('a command of a configuration', () => {
  it.each([
    ['true', 0],
    ['exit 3', 3],
    ['echo nobody sees this; test ! -t 0', 0],
    ['cat', 0],
    ['no-such-program 2>/dev/null', 127],
  ])('%s ends with its status', async (command, status) => {
    expect(await runInShell(command, idle)).toEqual({ status });
  });

  it('runs in the shell of the user, or in the usual one', async () => {
    vi.stubEnv('SHELL', '/bin/false');
    expect(await runInShell('true', idle)).toEqual({ status: 1 });
    vi.stubEnv('SHELL', undefined);
    expect(await runInShell('exit 4', idle)).toEqual({ status: 4 });
  });

  it.each(['/no/such/shell', '/etc/passwd'])('says so where the shell %s cannot be run', async (shell) => {
    vi.stubEnv('SHELL', shell);
    expect(await runInShell('true', idle)).toEqual({
      fault: `the shell ${shell} cannot be run`,
      cause: expect.objectContaining({ code: expect.stringMatching(/^E(NOENT|ACCES)$/) }),
    });
  });

  it('says by what it was ended', async () => {
    expect(await runInShell('kill -TERM $$', idle)).toEqual({
      fault: 'the command was ended by SIGTERM',
      cause: new Error('ended by SIGTERM'),
    });
  });

  it('ends with its signal, and so does what it has started', async () => {
    const controller = new AbortController();
    const over = runInShell(
      `sleep 1000 & echo $! > ${note}.new; mv ${note}.new ${note}; wait`,
      controller.signal,
    );
    await expect.poll(() => existsSync(note)).toBe(true);
    const pid = Number(readFileSync(note, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    controller.abort();
    expect(await over).toMatchObject({ fault: 'the command was ended by SIGKILL' });
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect(await runInShell('sleep 1000', AbortSignal.abort())).toMatchObject({
      fault: 'the command was ended by SIGKILL',
    });
  });

  it('listens to its signal no longer than it runs', async () => {
    const { signal } = new AbortController();
    const stopped = vi.spyOn(signal, 'removeEventListener');
    await runInShell('true', signal);
    expect(stopped).toHaveBeenCalledWith('abort', expect.any(Function));
  });
});
