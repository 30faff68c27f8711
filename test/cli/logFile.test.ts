/** The file of -E: what is said stands in it when it was said, and its owner alone may read it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Messages } from '../../src/cli/messages.ts';
import { logFile } from '../../src/cli/remote/logFile.ts';

const folder = mkdtempSync(join(tmpdir(), 'dlssh-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('has each line at once, behind what was there', () => {
  const path = join(folder, 'log');
  const umask = process.umask(0);
  try {
    logFile(path).write('one\n');
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(path, 'utf8')).toBe('one\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const again = logFile(path);
  again.write('two\n');
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  again.write('three\n');
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n');
});

it('takes the lines of the program, and leaves the terminal what is for it', () => {
  const path = join(folder, 'lines');
  let shown = '';
  const messages = new Messages({ write: (text: string) => (shown += text) });
  messages.logTo(logFile(path));
  messages.say('a line');
  messages.complain('the end');
  messages.block('for the terminal');
  expect(readFileSync(path, 'utf8')).toBe('deadline-ssh: a line\ndeadline-ssh: the end\n');
  expect(shown).toBe('for the terminal\n');
});

it('says less as it is told to', () => {
  let shown = '';
  const messages = new Messages({ write: (text: string) => (shown += text) });
  messages.level = 'errors';
  messages.say('a line');
  messages.complain('the end');
  expect(shown).toBe('deadline-ssh: the end\n');
  messages.level = 'none';
  messages.complain('the end');
  expect(shown).toBe('deadline-ssh: the end\n');
  messages.level = 'all';
  messages.raw = true;
  messages.block('two\nlines\r\n');
  expect(shown).toBe('deadline-ssh: the end\ntwo\r\nlines\r\n');
});

it('that cannot be written is an error at once, and a full disk later is none', () => {
  expect(() => logFile(join(folder, 'none', 'log'))).toThrow(
    expect.objectContaining({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringMatching(/^-E .*: there is no such file or folder$/),
    }),
  );
  writeFileSync(join(folder, 'x'), '');
  if (existsSync('/dev/full')) logFile('/dev/full').write('lost\n');
});
