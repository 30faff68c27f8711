/** Whom to connect to: what a person types, and what the option `host` takes. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { checkHost, parseTarget } from '../../src/client/dial/target.ts';
import { connect } from '../../src/entry/index.ts';
import { numericAddress } from '../support/hosts.ts';
import { describeWith, pathOf } from '../support/servers/programs.ts';

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SshError);
    expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS', origin: 'user' });
    return (error as SshError).message;
  }
  throw new Error('an error was expected');
}

describe('an ssh URI', () => {
  it.each([
    ['ssh://h', undefined, 'h', undefined],
    ['ssh://root@h:2222', 'root', 'h', 2222],
    ['ssh://root@h:2222/', 'root', 'h', 2222],
    ['SSH://root@h', 'root', 'h', undefined],
    ['ssh://h/', undefined, 'h', undefined],
    ['ssh://ops;fingerprint=ssh-ed25519-c1-b1@h', 'ops', 'h', undefined],
    ['ssh://a%40b@h', 'a@b', 'h', undefined],
    ['ssh://%C3%B6ps@h', 'öps', 'h', undefined],
    ['ssh://[2001:db8::1]:2222', undefined, '2001:db8::1', 2222],
    ['ssh://ops@[::1]', 'ops', '::1', undefined],
    ['ssh://[fe80::1%25eth0]:22', undefined, 'fe80::1%eth0', 22],
  ])('%s', (text, username, host, port) => {
    expect(parseTarget(text)).toEqual({ username, host, port });
  });

  it.each([
    ['ssh://', 'is no [user@]host'],
    ['ssh://@h', 'names no user'],
    ['ssh://ops@', 'is no [user@]host'],
    ['ssh://h:0', 'is not a port'],
    ['ssh://h:x', 'is not a port'],
    ['ssh://h/path', 'an ssh URI ends there'],
    ['ssh://h?x=1', 'an ssh URI ends there'],
    ['ssh://h#x', 'an ssh URI ends there'],
    ['ssh://%zz@h', 'names no user'],
    ['ssh://%ff@h', 'names no user'],
    ['ssh://a%0ab@h', 'names no user'],
    ['https://h', 'is not an ssh URI'],
    ['sftp://ops@h/file', 'is not an ssh URI'],
  ])('is not %s', (text, words) => {
    expect(failure(() => parseTarget(text))).toContain(words);
  });

  it.each([
    'ssh://ops:hunter2@h',
    'ssh://ops:hun/ter2@h',
    'http://ops:hunter2@h',
    'ssh://ops:hunter2@h:22/x',
  ])('with a password in it is refused, and the password not repeated: %s', (text) => {
    expect(failure(() => parseTarget(text))).not.toMatch(/hunter2|ter2/);
    expect(failure(() => checkHost(text))).not.toMatch(/hunter2|ter2/);
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const user = fc.oneof(
  word,
  fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme-ascii' }),
  fc.constant('öps'),
);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });

it('a URI is read back as it was composed', () => {
  const host = fc.oneof(word, numericAddress);
  fc.assert(
    fc.property(
      fc.option(user, { nil: undefined }),
      host,
      port,
      fc.boolean(),
      (username, name, at, slash) => {
        const written = name.includes(':') ? `[${name}]` : name;
        const text = `ssh://${username === undefined ? '' : `${encodeURIComponent(username)}@`}${written}${at === undefined ? '' : `:${at}`}${slash ? '/' : ''}`;
        // A backslash is what a message would escape: no such user, as no control character.
        if (username?.includes('\\') === true) failure(() => parseTarget(text));
        else expect(parseTarget(text)).toEqual({ username, host: name, port: at });
      },
    ),
  );
});

describeWith({ programs: ['ssh'] }, 'a target, to ssh', () => {
  /** What ssh makes of it, by its own account; undefined where it refuses. */
  function bySsh(text: string): object | undefined {
    const { status, stdout } = spawnSync(pathOf('ssh'), ['-F', 'none', '-G', text], { encoding: 'utf8' });
    if (status !== 0) return undefined;
    const settings = new Map(stdout.split('\n').map((line) => line.split(' ') as [string, string]));
    return { username: settings.get('user'), host: settings.get('hostname'), port: settings.get('port') };
  }

  it.each(['ssh://root@h:2222', 'ssh://root@h/', 'ssh://a%40b@h', 'ssh://ops;x=y@h:22', 'ops@h', 'a@b@h'])(
    'is the same as here: %s',
    (text) => {
      const { username, host, port: at } = parseTarget(text);
      expect(bySsh(text)).toEqual({ username, host, port: String(at ?? 22) });
    },
  );

  it.each(['ssh://', 'ssh://@h', 'ssh://h:0', 'ssh://h/path', 'ssh://%zz@h', '@h'])(
    'is none, as here: %s',
    (text) => {
      expect(bySsh(text)).toBeUndefined();
      failure(() => parseTarget(text));
    },
  );
});

describe('the option host', () => {
  const refusal = 'host must be the name or the address of a host alone, not';

  it.each([
    ['ops@h', '{ username: "ops", host: "h" }'],
    ['ssh://h', '{ host: "h" }'],
    ['ssh://root@h:2222', '{ username: "root", host: "h", port: 2222 }'],
    ['h:2222', '{ host: "h", port: 2222 }'],
    ['ops@h:22', '{ username: "ops", host: "h", port: 22 }'],
    ['[::1]', '{ host: "::1" }'],
    ['[2001:db8::1]:2222', '{ host: "2001:db8::1", port: 2222 }'],
  ])('refuses %j with a hint', async (host, hint) => {
    const message = `${refusal} "${host}"; you probably mean ${hint}`;
    expect(failure(() => checkHost(host))).toBe(message);
    await expect(connect({ host, username: 'x' })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message,
    });
  });

  it.each(['https://h/', 'h/path', 'h:', '@h', 'h:ssh', '[::1', 'ops:hunter2@h'])('refuses %j', (host) => {
    expect(failure(() => checkHost(host))).toContain(refusal);
    expect(failure(() => checkHost(host))).not.toContain('hunter2');
  });

  it.each([
    'h',
    'h.example',
    '192.0.2.1',
    '::1',
    'fe80::1%eth0',
    '2001:db8::',
    'пример.рф',
    'host_1',
    '127.1',
  ])('takes %j', (host) => {
    checkHost(host);
    expect(parseTarget(host)).toEqual({ username: undefined, host, port: undefined });
  });
});
