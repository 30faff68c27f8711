/** What the command line of a session means. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { parseCommandLine, parseDuration, type SshCommandLine } from '../../src/cli/remote/arguments.ts';
import { queryText } from '../../src/cli/remote/query.ts';
import { parseTarget } from '../../src/client/dial/target.ts';
import { numericAddress } from '../support/hosts.ts';

function parsed(...argv: string[]): SshCommandLine {
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
        fc.oneof(name, numericAddress),
        port,
        fc.boolean(),
        (username, host, port, isBare) => {
          const needsBrackets = host.includes(':') && !(isBare && port === undefined);
          const written = needsBrackets ? `[${host}]` : host;
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
      host: 'host',
      overrides: [],
      forwards: [],
      identities: [],
      configFile: undefined,
      logFile: undefined,
      printsConfiguration: false,
      control: undefined,
      command: undefined,
      stdioForward: undefined,
      isBackground: false,
      agent: true,
      timeout: undefined,
      algorithms: undefined,
      json: false,
    });
  });

  it.each([
    ['-4', 'AddressFamily="inet"'],
    ['-6', 'AddressFamily="inet6"'],
    ['-A', 'ForwardAgent="yes"'],
    ['-a', 'ForwardAgent="no"'],
    ['-b 192.0.2.1', 'BindAddress="192.0.2.1"'],
    ['-B eth0', 'BindInterface="eth0"'],
    ['-C', 'Compression="yes"'],
    ['-c aes128-ctr', 'Ciphers="aes128-ctr"'],
    ['-D 1080', 'DynamicForward="1080"'],
    ['-e none', 'EscapeChar="none"'],
    ['-g', 'GatewayPorts="yes"'],
    ['-i key', 'IdentityFile="key"'],
    ['-J a,b', 'ProxyJump=a,b'],
    ['-L 1:h:2', 'LocalForward="1" "[h]:2"'],
    ['-l me', 'User="me"'],
    ['-M', 'ControlMaster="yes"'],
    ['-m hmac-sha2-256', 'MACs="hmac-sha2-256"'],
    ['-N', 'SessionType="none"'],
    ['-n', 'StdinNull="yes"'],
    ['-o Port=22', 'Port=22'],
    ['-o port=22', 'port=22'],
    ['-P work', 'Tag="work"'],
    ['-p 2222', 'Port="2222"'],
    ['-q', 'LogLevel="QUIET"'],
    ['-R 1', 'RemoteForward="1"'],
    ['-R [::1]:1:/s', 'RemoteForward="[::1]:1" "/s"'],
    ['-S /ctl', 'ControlPath="/ctl"'],
    ['-s', 'SessionType="subsystem"'],
    ['-T', 'RequestTTY="no"'],
    ['-t', 'RequestTTY="yes"'],
    ['-v', 'LogLevel="DEBUG1"'],
    ['-vvvv', 'LogLevel="DEBUG3"'],
    ['-x', 'ForwardX11="no"'],
    ['--no-agent', 'IdentityAgent="none"'],
    ['--port=2222', 'Port="2222"'],
    ['--login me', 'User="me"'],
  ])('%s stands for %s', (typed, keyword) => {
    expect(parsed(...typed.split(' '), 'host', 'true').overrides).toEqual([keyword]);
  });

  it.each([
    ['-f', ['ForkAfterAuthentication="yes"', 'StdinNull="yes"']],
    ['-Y', ['ForwardX11="yes"', 'ForwardX11Trusted="yes"']],
    ['-W h:1', ['RequestTTY="no"', 'SessionType="none"']],
    ['-k', []],
    ['-2', []],
  ])('%s stands for several or none', (typed, keywords) => {
    expect(parsed(...typed.split(' '), 'host').overrides).toEqual(keywords);
  });

  it('takes the letters of one word as one option each, the last one with its value', () => {
    expect(parsed('-nNfF', '/file', 'host')).toMatchObject({ configFile: '/file', isBackground: true });
    expect(parsed('-qoControlPath=/c', '-Fnone', 'host')).toMatchObject({
      configFile: 'none',
      overrides: ['LogLevel="QUIET"', 'ControlPath=/c'],
    });
    expect(parsed('-vvE/log', 'host')).toMatchObject({ logFile: '/log' });
  });

  it('lets the last of two options that contradict each other count, before any -o', () => {
    const first = (...argv: string[]): string | undefined => parsed(...argv, 'host', 'true').overrides[0];
    expect(first('-4', '-6')).toBe('AddressFamily="inet6"');
    expect(first('-A', '-a')).toBe('ForwardAgent="no"');
    expect(first('-o', 'Ciphers=x', '-c', 'y')).toBe('Ciphers="y"');
    expect(first('-tt')).toBe('RequestTTY="force"');
    expect(first('-t', '-T')).toBe('RequestTTY="no"');
    expect(first('-T', '-t')).toBe('RequestTTY="yes"');
    expect(first('-q', '-v')).toBe('LogLevel="DEBUG1"');
  });

  it('keeps what a value holds, whatever it holds', () => {
    expect(parsed('-i', 'a "key" # x', 'host').overrides).toEqual(['IdentityFile="a \\"key\\" # x"']);
    expect(parsed('-o', 'ProxyCommand=nc "%h" # %p', 'host').overrides).toEqual([
      'ProxyCommand=nc "%h" # %p',
    ]);
    expect(parsed('-o', 'ProxyCommand nc %h', 'host').overrides).toEqual(['ProxyCommand=nc %h']);
  });

  it('lets the first of two users or ports count, wherever they stand', () => {
    expect(parsed('-l', 'a', 'b@host', '-l', 'c').overrides).toEqual(['User="a"', 'User="b"', 'User="c"']);
    expect(parsed('b@host', '-o', 'user=c').overrides).toEqual(['User="b"', 'user=c']);
    expect(parsed('ssh://root@h:2222', '-p', '1')).toMatchObject({
      host: 'h',
      overrides: ['User="root"', 'Port="2222"', 'Port="1"'],
    });
    expect(failure(() => parsed('ssh://root@h/file'))).toContain('an ssh URI ends there');
  });

  it('keeps a local port that the system chooses apart from the configuration', () => {
    expect(parsed('-L', '0:db:5432', '-D', '0', 'host')).toMatchObject({
      overrides: [],
      forwards: [
        { kind: 'local', from: { port: 0 }, to: { host: 'db', port: 5432 } },
        { kind: 'socks', from: { port: 0 } },
      ],
    });
  });

  it('refuses users that a shell would read otherwise', () => {
    for (const user of ['a{b}', 'a;b', '-x', "a'b", 'a|b', 'a\\', 'a b ']) {
      expect(failure(() => parsed('-l', user, 'host'))).toContain('cannot be the name of a user');
    }
    expect(parsed('-l', 'user:style', 'host').overrides).toEqual(['User="user:style"']);
    expect(parsed('dom\\user@host').overrides).toEqual(['User="dom\\\\user"']);
  });

  it('takes what it has beyond ssh by long names', () => {
    expect(parsed('--json', '--timeout', '1500ms', '--algorithms', 'legacy', 'host', 'true')).toMatchObject({
      json: true,
      timeout: 1500,
      algorithms: 'legacy',
      command: 'true',
    });
    expect(() => parsed('--algorithms', 'old', 'host')).toThrow('there are compatible and legacy');
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
        expect(result).toMatchObject({ json: false, overrides: ['LogLevel="DEBUG1"'] });
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
        expect(result).toMatchObject({ json: false, overrides: ['LogLevel="DEBUG1"'] });
      }),
    );
  });

  it('reads -- as the end of the options, before the host and behind it', () => {
    expect(parsed('--', 'fleet').host).toBe('fleet');
    expect(parsed('-v', '--', 'host', 'uptime').command).toBe('uptime');
    expect(parsed('-v', '--', 'host', '-v').command).toBe('-v');
    expect(parsed('host', '--', '-x').command).toBe('-x');
    expect(parsed('host', '-v', '--', '-x').command).toBe('-x');
    expect(parsed('host', '--').command).toBeUndefined();
  });

  it('knows help, version and -Q without a host', () => {
    expect(parseCommandLine(['--help'])).toEqual({ mode: 'help' });
    expect(parseCommandLine(['-V'])).toEqual({ mode: 'version' });
    expect(parseCommandLine(['-Q', 'cipher'])).toEqual({ mode: 'query', what: 'cipher' });
    expect(parseCommandLine(['host', '--help'])).toEqual({ mode: 'help' });
    expect(parsed('host', 'ls', '--help').command).toBe('ls --help');
  });

  it.each([
    [[], 'no host'],
    [['-v'], 'no host'],
    [['--json', 'host'], '--json needs a command'],
    [['--nonsense', 'host'], '--nonsense'],
    [['-h', 'host'], '"-h"'],
    [['-p'], '-p needs a value: -p PORT'],
    [['--port'], '--port needs a value'],
    [['-L', '8080', 'host'], '-L "8080" cannot be read'],
    [['-W', 'h:1', 'host', 'true'], '-W runs no command'],
    [['-1', 'host'], 'version 1'],
    [['-I', 'lib', 'host'], 'PKCS#11'],
    [['-w', '0', 'host'], 'tunnel devices'],
    [['-y', 'host'], 'syslog'],
    [['-O', 'share', 'host'], 'there are check, exit, stop'],
    [['-o', 'Port', 'host'], 'no Keyword=value'],
    [['-o', '=22', 'host'], 'no Keyword=value'],
    [['--json=yes', 'host', 'true'], '--json'],
    [['--timeout', '0', 'host'], 'not a time'],
    [['--timeout', 'soon', 'host'], 'not a time'],
  ])('says what is wrong with %j', (argv, words) => {
    expect(failure(() => parseCommandLine(argv))).toContain(words);
  });
});

describe('-Q', () => {
  it('lists what can be negotiated, a line each', () => {
    expect(queryText('cipher').split('\n')).toContain('aes128-ctr');
    expect(queryText('Ciphers')).toBe(queryText('cipher'));
    expect(
      queryText('cipher-auth')
        .trim()
        .split('\n')
        .every((name) => /gcm|poly1305/.test(name)),
    ).toBe(true);
    expect(queryText('key-plain')).toContain('ssh-rsa\n');
    expect(queryText('key-plain')).not.toMatch(/cert|sk-|rsa-sha2/);
    expect(queryText('help').trim().split('\n')).toContain('kex');
    for (const name of queryText('help').trim().split('\n'))
      expect(queryText(name)).toMatch(/^([\w@.-]+\n)+$/);
    expect(failure(() => queryText('nothing'))).toContain('there are cipher');
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
