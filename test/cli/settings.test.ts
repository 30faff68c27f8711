/** What a command line and a configuration come to together: the plan of a session. */
import { describe, expect, it } from 'vitest';
import { LegacyTally } from '../../src/cli/copy/rcp/tally.ts';
import { numberOption } from '../../src/cli/files/session/connectionWords.ts';
import { parseCommandLine } from '../../src/cli/remote/arguments.ts';
import { planOf, type SessionPlan } from '../../src/cli/remote/settings.ts';
import { resolveHost } from '../../src/entry/config.ts';
import type { TransferProgress } from '../../src/sftp/transfer/options.ts';

async function plan(...argv: readonly string[]): Promise<SessionPlan> {
  const line = parseCommandLine(argv);
  if (line.mode !== 'ssh') throw new Error('a session was expected');
  const resolved = await resolveHost(line.host, {
    files: [],
    overrides: ['IdentityFile=none', 'IdentityAgent=none', ...line.overrides],
    command: line.command,
    user: 'ops',
  });
  return planOf(line, resolved);
}

const persisting = ['-S', '/s', '-o', 'ControlPersist=60'] as const;

describe('the plan of a session', () => {
  it.each([
    [['h'], { kind: 'session', command: undefined }],
    [['h', 'uptime', '-p'], { kind: 'session', command: 'uptime -p' }],
    [['-N', 'h'], { kind: 'forwards' }],
    [['-s', 'h', 'sftp'], { kind: 'subsystem', name: 'sftp' }],
    [['-o', 'RemoteCommand=id', 'h'], { kind: 'session', command: 'id' }],
    [['-W', 'db:5432', 'h'], { kind: 'stdio', to: { host: 'db', port: 5432 } }],
  ])('%j is for %j', async (argv, purpose) => {
    expect((await plan(...argv)).purpose).toEqual(purpose);
  });

  it.each([
    [['-N', 'h', 'id'], '-N runs no command'],
    [['-s', 'h'], '-s needs the name of a subsystem'],
    [['-f', 'h'], '-f needs a command, or -N'],
    [['-o', 'RemoteCommand=id', 'h', 'uptime'], 'RemoteCommand of the configuration is another'],
  ])('%j contradicts itself', async (argv, words) => {
    await expect(plan(...argv)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining(words),
    });
  });

  it.each([
    [['h'], 'auto'],
    [['-t', 'h'], 'yes'],
    [['-tt', 'h'], 'force'],
    [['-t', '-t', '-t', 'h'], 'force'],
    [['-T', 'h'], 'none'],
    [['-t', '-T', 'h'], 'none'],
  ])('%j has the terminal %s', async (argv, pty) => {
    expect((await plan(...argv)).pty).toBe(pty);
  });

  it.each([
    [[], { controlPath: undefined, isControlled: false, borrows: true, lends: true }],
    [['-S', 'none'], { controlPath: undefined }],
    [['-S', '/s'], { controlPath: '/s', isControlled: false, borrows: true }],
    [['-M', '-S', '/s'], { isControlled: true, borrows: false, lends: true }],
    [['-o', 'ControlMaster=auto', '-S', '/s'], { isControlled: 'ifFree', borrows: true, lends: true }],
    [['-o', 'ControlMaster=ask', '-S', '/s'], { isControlled: true, borrows: false, lends: false }],
    [['-o', 'ControlMaster=autoask', '-S', '/s'], { isControlled: 'ifFree', borrows: true, lends: false }],
  ])('%j shares: %j', async (argv, expected) => {
    expect(await plan(...argv, 'h')).toMatchObject(expected);
  });

  it.each([
    [['-o', 'ControlPersist=no'], undefined],
    [['-o', 'ControlPersist=5m'], 300],
    [['-o', 'ControlPersist=0'], Number.POSITIVE_INFINITY],
    [['-o', 'ControlPersist=yes'], Number.POSITIVE_INFINITY],
  ])('%j stays for %s seconds', async (argv, seconds) => {
    expect((await plan(...argv, 'h')).persistsFor).toBe(seconds);
  });

  it.each([
    [['-M', ...persisting, 'h', 'id'], true],
    [['-o', 'ControlMaster=auto', ...persisting, 'h'], true],
    [['-o', 'ControlMaster=auto', ...persisting, '-s', 'h', 'sftp'], true],
    [[...persisting, 'h', 'id'], false],
    [['-o', 'ControlMaster=autoask', ...persisting, 'h', 'id'], false],
    [['-o', 'ControlMaster=auto', '-o', 'ControlPersist=60', 'h', 'id'], false],
    [['-o', 'ControlMaster=auto', ...persisting, '-o', 'ControlPath=none', '-S', 'none', 'h', 'id'], false],
    [['-o', 'ControlMaster=auto', '-S', '/s', 'h', 'id'], false],
    [['-M', ...persisting, '-N', 'h'], false],
    [['-M', ...persisting, '-f', 'h', 'id'], false],
    [['-M', ...persisting, '-W', 'a:1', 'h'], false],
    [['-M', ...persisting, '--json', 'h', 'id'], false],
  ])('%j leaves a program behind: %s', async (argv, leaves) => {
    expect((await plan(...argv)).leavesLender).toBe(leaves);
  });
});

it('a number of an option lies within its bounds, both ends among them', () => {
  for (const good of ['1', '2', '10']) expect(numberOption('-R', good, 10)).toBe(Number(good));
  for (const bad of ['0', '11', '', '-1', '1.5', '1e1', '9'.repeat(16)]) {
    expect(() => numberOption('-R', bad, 10), bad).toThrow('-R takes a whole number from 1 to 10');
  }
});

it('files of the old protocol are counted once each, however many pieces they come in', () => {
  const told: TransferProgress[] = [];
  const tally = new LegacyTally((progress) => told.push(progress));
  tally.moved('a', 10, 30);
  tally.moved('a', 20, 30);
  tally.moved('b\x1b', 5, 5);
  expect(
    told.map(({ path, transferred, total, files, filesDone }) => [
      path,
      transferred,
      total,
      files,
      filesDone,
    ]),
  ).toEqual([
    ['a', 10, 30, 1, 0],
    ['a', 30, 30, 1, 0],
    ['b\\x1b', 35, 35, 2, 1],
  ]);
  expect(tally.result()).toMatchObject({ files: 2, bytes: 35, failedCount: 0 });
});
