/** Places on servers as they are typed, and the command lines of both file commands. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCopyArguments } from '../../../src/cli/copy/copyArguments.ts';
import { getopt } from '../../../src/cli/files/getopt.ts';
import { sshCommandLine } from '../../../src/cli/files/session/connectionWords.ts';
import { parseRemotePlace } from '../../../src/cli/files/session/remotePlace.ts';
import { parseSftpArguments } from '../../../src/cli/sftp/sftpArguments.ts';

const place = (text: string): unknown => {
  const found = parseRemotePlace(text, ['scp', 'sftp']);
  return found === undefined ? 'local' : { ...found.server, path: found.path };
};

describe('a place', () => {
  it.each([
    ['host:path', { host: 'host', username: undefined, port: undefined, path: 'path' }],
    ['ops@host:', { host: 'host', username: 'ops', path: '' }],
    ['a@b@host:/x:y', { host: 'host', username: 'a@b', path: '/x:y' }],
    ['[::1]:x', { host: '::1', path: 'x' }],
    ['ops@[fe80::1%eth0]:x', { host: 'fe80::1%eth0', username: 'ops', path: 'x' }],
    ['scp://ops@host:2222/a%20b', { host: 'host', username: 'ops', port: 2222, path: 'a b' }],
    ['sftp://host//etc/x', { host: 'host', port: undefined, path: '/etc/x' }],
    ['sftp://[::1]:22/x', { host: '::1', port: 22, path: 'x' }],
    ['scp://host', { host: 'host', path: '' }],
    ['grüße:x', { host: 'grüße', path: 'x' }],
  ])('%j', (text, expected) => {
    expect(place(text)).toMatchObject(expected);
  });

  it.each(['file', './a:b', '/a:b', ':x', 'a/b:c', '[x', '[a]b:c'])('%j is local', (text) => {
    expect(place(text)).toBe('local');
  });

  it.each([
    '-oProxyCommand=x:y',
    'a b:c',
    'scp:///x',
    'sftp://a:b:c/x',
    'scp://[::1/x',
    '@host:x',
    'scp://host/%zz',
    '\x1b[2J:x',
  ])('%j is refused', (text) => {
    expect(() => place(text)).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
  });

  it('with a password in it is refused, and the password is not repeated', () => {
    for (const text of ['scp://ops:secret@host/x', 'sftp://ops:secret@host', 'scp://ops:secret@host/%zz']) {
      expect(() => place(text)).toThrow(
        expect.objectContaining({
          code: 'ERR_SSH_OPTIONS',
          message: expect.not.stringContaining('secret'),
          stack: expect.not.stringContaining('secret'),
        }),
      );
    }
    // Without a scheme, the host ends at the first colon, as to scp.
    expect(place('ops:secret@host:x')).toMatchObject({
      host: 'ops',
      username: undefined,
      path: 'secret@host:x',
    });
  });

  it('of any path is that path', () => {
    const path = fc.string({ unit: fc.constantFrom(...'ab/:@[]% ~*'), maxLength: 10 });
    fc.assert(
      fc.property(path, (text) => {
        expect(place(`ops@host:${text}`)).toMatchObject({ host: 'host', username: 'ops', path: text });
      }),
    );
  });
});

describe('getopt', () => {
  const names = { flags: 'ab', valued: 'ov', long: { json: false, timeout: true } };

  it.each([
    [
      ['-ab', 'x', '-a'],
      [
        ['a', ''],
        ['b', ''],
      ],
      ['x', '-a'],
    ],
    [
      ['-aoX=1', 'x'],
      [
        ['a', ''],
        ['o', 'X=1'],
      ],
      ['x'],
    ],
    [['-o', '-'], [['o', '-']], []],
    [['--', '-a'], [], ['-a']],
    [['-', 'x'], [], ['-', 'x']],
    [
      ['--timeout=3s', '--json'],
      [
        ['timeout', '3s'],
        ['json', ''],
      ],
      [],
    ],
  ])('%j', (argv, options, operands) => {
    const given = getopt(argv, names);
    expect(given.options.map(({ name, value }) => [name, value])).toEqual(options);
    expect(given.operands).toEqual(operands);
  });

  it.each([[['-x']], [['-o']], [['--nonsense']], [['--json=x']], [['--constructor']]])(
    '%j is refused',
    (argv) => {
      expect(() => getopt(argv, names)).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
    },
  );
});

describe('the command line of sftp', () => {
  it('has the options of sftp(1)', () => {
    const line = '-v -P 2222 -i key -o A=b -J jump -l 80 -B 1000 -R 2 -apfr -b - -N ops@host:/dir here';
    expect(parseSftpArguments(line.split(' '))).toMatchObject({
      mode: 'sftp',
      server: { host: 'host', username: 'ops', port: 2222 },
      path: '/dir',
      target: 'here',
      batch: '-',
      isNoisy: true,
      resume: true,
      preserve: true,
      sync: true,
      recursive: true,
      limitRate: 10_240,
      connection: {
        words: ['-v', '-i', 'key', '-o', 'A=b', '-J', 'jump'],
        isBatch: true,
        blockLength: 1000,
        requests: 2,
      },
    });
  });

  it('needs no host with -D, whose quotes keep spaces', () => {
    expect(parseSftpArguments(['-D', '/x/server -e "a b"'])).toMatchObject({
      server: undefined,
      connection: { direct: ['/x/server', '-e', 'a b'] },
    });
  });

  it.each([
    [[]],
    [['a', 'b', 'c']],
    [['-B', '0', 'h']],
    [['-l', 'x', 'h']],
    [['-b', 'x', '-b', 'y', 'h']],
    [['-D', ' ', 'h']],
  ])('%j is refused', (argv) => {
    expect(() => parseSftpArguments(argv)).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
  });
});

describe('the command line of cp', () => {
  it('has the options of scp(1)', () => {
    expect(parseCopyArguments(['-rpq3l', '8', '-P', '22', 'a', 'h:b', 'scp://x:1/c'])).toMatchObject({
      mode: 'copy',
      recursive: true,
      preserve: true,
      limitRate: 1024,
      isDirect: false,
      isLegacy: false,
      connection: { isQuiet: true },
      sources: [
        { path: 'a', server: undefined },
        { path: 'b', server: { host: 'h', port: 22 } },
      ],
      target: { path: 'c', server: { host: 'x', port: 1 } },
    });
  });

  it('is that of the far end with -f and -t', () => {
    expect(parseCopyArguments(['-t', '-r', '-d', 'x'])).toMatchObject({
      mode: 'serve',
      direction: 'to',
      recursive: true,
      mustBeFolder: true,
      paths: ['x'],
    });
  });

  it('of two protocols and two ways takes the last', () => {
    expect(parseCopyArguments(['-O', '-s', '-3', '-R', 'a', 'b'])).toMatchObject({
      isLegacy: false,
      isDirect: true,
    });
  });

  it.each([[['a']], [[]], [['-P', '0', 'a', 'b']]])('%j is refused', (argv) => {
    expect(() => parseCopyArguments(argv)).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
  });
});

describe('the command line of an ssh that is run in between', () => {
  const settings = {
    words: ['-v', '-o', 'A=b'],
    ownWords: [],
    isQuiet: true,
    isBatch: true,
    program: 'ssh',
    direct: undefined,
    blockLength: undefined,
    requests: undefined,
  };
  const server = { host: 'host', username: 'ops', port: 2222 };

  it('asks for the subsystem, behind -- and the host', () => {
    const argv = sshCommandLine('/x/ssh', { ...settings, subsystem: undefined }, server);
    expect(argv[0]).toBe('/x/ssh');
    expect(argv.slice(-4)).toEqual(['-s', '--', 'host', 'sftp']);
    for (const word of ['-v', 'A=b', '-q', '-oBatchMode=yes', '-oPort=2222', 'ops'])
      expect(argv).toContain(word);
  });

  it('runs a command where there is a slash in the name', () => {
    const argv = sshCommandLine('ssh', { ...settings, subsystem: '/usr/lib/sftp-server' }, server);
    expect(argv.slice(-3)).toEqual(['--', 'host', '/usr/lib/sftp-server']);
    expect(argv).not.toContain('-s');
  });
});
