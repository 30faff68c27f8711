/** What the command line of a session means. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { parseCommandLine, parseDuration, type SshArguments } from '../../src/cli/remote/arguments.ts';
import { parseTarget } from '../../src/client/dial/target.ts';

function parsed(...argv: string[]): SshArguments {
  const result = parseCommandLine(argv);
  if (result.mode !== 'ssh') throw new Error(`a session was expected, not ${result.mode}`);
  return result;
}

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SshError);
    expect((error as SshError).code).toBe('ERR_SSH_OPTIONS');
    expect((error as SshError).origin).toBe('user');
    return (error as SshError).message;
  }
  throw new Error('an error was expected');
}

describe('a target', () => {
  it.each([
    ['host', { host: 'host', port: undefined, username: undefined }],
    ['user@host', { host: 'host', port: undefined, username: 'user' }],
    ['user@host:2222', { host: 'host', port: 2222, username: 'user' }],
    ['a@b@host', { host: 'host', port: undefined, username: 'a@b' }],
    ['192.0.2.1:22', { host: '192.0.2.1', port: 22, username: undefined }],
    ['::1', { host: '::1', port: undefined, username: undefined }],
    ['[::1]', { host: '::1', port: undefined, username: undefined }],
    ['ops@[2001:db8::7]:2200', { host: '2001:db8::7', port: 2200, username: 'ops' }],
    ['fe80::1%eth0', { host: 'fe80::1%eth0', port: undefined, username: undefined }],
    ['[fe80::1%eth0]:22', { host: 'fe80::1%eth0', port: 22, username: undefined }],
  ])('%s', (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  it.each([
    '',
    '@host',
    'user@',
    'host:',
    'host:0',
    'host:65536',
    'host:22x',
    '[::1',
    '[::1]22',
    '[]:22',
    ':22',
    'a b',
    'a\u001b[2J',
    'x:y:z',
  ])('is not %j', (text) => {
    failure(() => parseTarget(text));
  });

  it('is read back as it was composed', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/);
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.option(fc.stringMatching(/^[a-z0-9@._-]{1,10}$/), { nil: undefined }),
        fc.oneof(name, fc.ipV4(), fc.ipV6()),
        port,
        (username, host, port) => {
          const written = host.includes(':') ? `[${host}]` : host;
          const text = `${username === undefined ? '' : `${username}@`}${written}${port === undefined ? '' : `:${port}`}`;
          expect(parseTarget(text)).toEqual({ username, host, port });
        },
      ),
    );
  });
});

describe('a command line', () => {
  it('has defaults', () => {
    expect(parsed('host')).toEqual({
      mode: 'ssh',
      forwards: [],
      forwardsDemanded: false,
      purpose: 'session',
      host: 'host',
      port: undefined,
      username: undefined,
      identities: [],
      agent: true,
      forwardAgent: false,
      verbosity: 0,
      timeout: undefined,
      algorithms: undefined,
      json: false,
      pty: 'auto',
      input: true,
      command: undefined,
    });
  });

  it('takes every option before the host', () => {
    const { port, username, identities, verbosity, timeout, json, pty, input } = parsed(
      ...['-p', '2222', '-l', 'ops', '-i', 'one', '--identity', 'two', '-vv', '--timeout', '1500ms'],
      ...['--json', '-t', '-n', 'host', 'uptime'],
    );
    expect({ port, username, identities, verbosity, timeout, json, pty, input }).toEqual({
      port: 2222,
      username: 'ops',
      identities: ['one', 'two'],
      verbosity: 2,
      timeout: 1500,
      json: true,
      pty: 'force',
      input: false,
    });
    expect(parsed('--algorithms', 'compatible', 'host').algorithms).toBe('compatible');
    expect(() => parsed('--algorithms', 'old', 'host')).toThrow('there are compatible and legacy');
    expect(parsed('-Tvp22', 'host').pty).toBe('none');
    expect(parsed('-Tvp22', 'host').port).toBe(22);
  });

  it('takes every option behind the host too, up to the command', () => {
    expect(parsed('-v', 'host', '-p', '2222', '-l', 'ops', '-v', 'uptime', '-p')).toMatchObject({
      host: 'host',
      port: 2222,
      username: 'ops',
      verbosity: 2,
      command: 'uptime -p',
    });
    expect(parsed('host', '-tp22')).toMatchObject({ pty: 'force', port: 22, command: undefined });
    expect(parsed('host', '-i', 'one', '-i', 'two').identities).toEqual(['one', 'two']);
    expect(parsed('-i', 'one', 'host', '-i', 'two').identities).toEqual(['one', 'two']);
    expect(parsed('host', '--json', 'true').json).toBe(true);
    expect(failure(() => parsed('host', '--nonsense'))).toContain('--nonsense');
    expect(failure(() => parsed('host', '-p'))).toContain("'-p, --port <value>'");
    expect(failure(() => parsed('-p', '22', 'host:23', '-p', '22'))).toContain('given twice');
  });

  const option = fc.constantFrom(
    ['-v'],
    ['-a'],
    ['-n'],
    ['-t'],
    ['-p', '2222'],
    ['-l', 'ops'],
    ['-i', 'file'],
    ['--timeout', '3s'],
    ['--port=2222'],
    ['-p2222'],
  );
  const someOptions = fc.array(option, { maxLength: 4 }).map((each) => each.flat());
  const anyWords = fc.array(
    fc.oneof(fc.string(), fc.constantFrom('-v', '--json', '-p', '--', '-t', '--help', '--no-such')),
  );
  const isWord = (word: string): boolean => word !== '' && !word.startsWith('-');

  it('means the same wherever its options stand', () => {
    fc.assert(
      fc.property(someOptions, fc.nat(), anyWords, (given, at, words) => {
        const cut = [...given.keys()].filter((i) => i === 0 || given[i]?.startsWith('-') === true);
        const split = cut[at % Math.max(1, cut.length)] ?? 0;
        const command = ['run', ...words];
        expect(parsed(...given.slice(0, split), 'host', ...given.slice(split), ...command)).toEqual(
          parsed(...given, 'host', ...command),
        );
      }),
    );
  });

  it('leaves everything from the first word of the command on to the command, options too', () => {
    fc.assert(
      fc.property(fc.string().filter(isWord), anyWords, (word, words) => {
        const result = parsed('-v', 'host', word, ...words);
        expect(result.command).toBe([word, ...words].join(' '));
        expect(result).toMatchObject({ verbosity: 1, json: false, port: undefined, pty: 'auto' });
      }),
    );
  });

  it('leaves everything behind -- to the command, whatever it is', () => {
    fc.assert(
      fc.property(anyWords, fc.boolean(), (words, isBeforeHost) => {
        const result = isBeforeHost
          ? parsed('-v', '--', 'host', ...words)
          : parsed('-v', 'host', '--', ...words);
        const command = words.join(' ');
        expect(result.command).toBe(command === '' ? undefined : command);
        expect(result).toMatchObject({ verbosity: 1, json: false });
      }),
    );
  });

  it('reads -- as the end of the options, before the host and behind it', () => {
    expect(parsed('--', 'fleet').host).toBe('fleet');
    expect(parsed('-v', '--', 'host', 'uptime').command).toBe('uptime');
    expect(parsed('-v', '--', 'host', '-v')).toMatchObject({ verbosity: 1, command: '-v' });
    expect(parsed('host', '--', '-x').command).toBe('-x');
    expect(parsed('host', '-v', '--', '-x')).toMatchObject({ verbosity: 1, command: '-x' });
    expect(parsed('host', '--').command).toBeUndefined();
  });

  it('reads an ssh URI', () => {
    expect(parsed('ssh://root@h:2222')).toMatchObject({ username: 'root', host: 'h', port: 2222 });
    expect(parsed('ssh://root@h:2222', '-p', '2222', 'true')).toMatchObject({ port: 2222, command: 'true' });
    expect(failure(() => parsed('ssh://root@h/file'))).toContain('an ssh URI ends there');
  });

  it('takes user and port from either place, and no contradiction', () => {
    expect(parsed('-l', 'ops', 'ops@host').username).toBe('ops');
    expect(parsed('-p', '22', 'host:22').port).toBe(22);
    expect(failure(() => parsed('-l', 'ops', 'root@host'))).toContain('root and ops');
    expect(failure(() => parsed('-p', '23', 'host:22'))).toContain('22 and 23');
  });

  it('knows help and version without a host', () => {
    expect(parseCommandLine(['--help'])).toEqual({ mode: 'help' });
    expect(parseCommandLine(['-V'])).toEqual({ mode: 'version' });
    expect(parseCommandLine(['-v', '-h', 'host'])).toEqual({ mode: 'help' });
    expect(parseCommandLine(['host', '--help'])).toEqual({ mode: 'help' });
    expect(parsed('host', 'ls', '--help').command).toBe('ls --help');
  });

  it.each([
    [[], 'no host'],
    [['-v'], 'no host'],
    [['--json', 'host'], '--json needs a command'],
    [['-t', '-T', 'host'], 'exclude each other'],
    [['--nonsense', 'host'], '--nonsense'],
    [['-x', 'host'], "'-x'"],
    [['-p'], "'-p, --port <value>'"],
    [['-p', 'x', 'host'], 'no port'],
    [['-p', '-v', 'host'], 'ambiguous'],
    [['--json=yes', 'host', 'true'], '--json'],
    [['--timeout', '0', 'host'], 'no time'],
    [['--timeout', 'soon', 'host'], 'no time'],
  ])('says what is wrong with %j', (argv, words) => {
    expect(failure(() => parseCommandLine(argv))).toContain(words);
  });
});

describe('a duration', () => {
  it.each([
    ['10', 10_000],
    ['10s', 10_000],
    ['1500ms', 1_500],
    ['2m', 120_000],
    ['0.5', 500],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '0', '0ms', '-1', '1h', '1 s', 'Infinity', '1e3', '٣'])('is not %j', (text) => {
    failure(() => parseDuration(text));
  });
});
