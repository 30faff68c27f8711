/** The URL of a proxy as it is read, and the command that leads to a server with its tokens. */
import { describe, expect, it } from 'vitest';
import { quotedText } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { parseProxy } from '../../src/client/dial/proxy.ts';
import { type CommandTarget, expandCommand, proxyCommandRule } from '../../src/client/dial/proxyCommand.ts';

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError && error.code === 'ERR_SSH_OPTIONS') return error.message;
    throw error;
  }
  return 'taken';
}

describe('the URL of a proxy', () => {
  const parse = (url: string) => parseProxy(url, (name) => name);
  const takes = 'proxy takes socks5://[user:password@]host[:port] or http://…';

  it.each([
    ['socks5://p', { kind: 'socks5', host: 'p', port: 1080, shown: 'socks5://p:1080' }],
    ['SOCKS5H://p:7/', { kind: 'socks5', host: 'p', port: 7, shown: 'socks5h://p:7' }],
    ['http://p', { kind: 'http', host: 'p', port: 80, shown: 'http://p:80' }],
    ['http://[::1]:65535', { kind: 'http', host: '::1', port: 65_535, shown: 'http://[::1]:65535' }],
    ['http://p:1', { kind: 'http', host: 'p', port: 1, shown: 'http://p:1' }],
  ])('%s is read', (url, place) => {
    expect(parse(url)).toEqual({ ...place, credentials: undefined });
  });

  it.each([
    ['socks5://me:secret@p', { username: 'me', password: 'secret' }],
    ['socks5://me@p', { username: 'me', password: '' }],
    ['socks5://me:a:b@p', { username: 'me', password: 'a:b' }],
    ['socks5://m%3Ae:s%40%25@p', { username: 'm:e', password: 's@%' }],
    [
      `socks5://${'u'.repeat(255)}:${'p'.repeat(255)}@p`,
      { username: 'u'.repeat(255), password: 'p'.repeat(255) },
    ],
    // One byte for each length is a rule of SOCKS.
    [`http://${'u'.repeat(256)}:x@p`, { username: 'u'.repeat(256), password: 'x' }],
  ])('%s has its user and password', (url, credentials) => {
    const place = parse(url);
    expect(place.credentials).toEqual(credentials);
    expect(place.shown).not.toContain('@');
  });

  it.each([
    ['', takes],
    ['p', takes],
    ['socks5://', takes],
    ['socks5://p/path', takes],
    ['socks5://p?q', takes],
    ['HTTP://me:secret@p/path', takes],
    ['https://p', `${takes}, not https://…`],
    ['constructor://p', `${takes}, not constructor://…`],
    ['socks4://me:secret@p', `${takes}, not socks4://…`],
    [`${'x'.repeat(60)}://p`, /, not x{1,40}\S*:\/\/…$/],
    ['socks5://p:0', 'proxy has a port from 1 to 65535, not 0'],
    ['socks5://p:65536', 'proxy has a port from 1 to 65535, not 65536'],
    ['socks5://:secret@p', 'proxy has an @ and no user before it'],
    ['socks5://@p', 'proxy has an @ and no user before it'],
    ['http://a%3Ab:secret@p', 'a web proxy takes no user whose name has a colon'],
    [`socks5://${'u'.repeat(256)}@p`, 'a SOCKS proxy takes users and passwords of 255 bytes at most'],
    [`socks5://u:${'ü'.repeat(128)}@p`, 'a SOCKS proxy takes users and passwords of 255 bytes at most'],
    ['socks5://100%:secret@p', 'user and password of proxy are percent-encoded; write %25 for %'],
  ])('%s is refused, and no secret of it is repeated', (url, said) => {
    const message = refusal(() => parse(url));
    if (typeof said === 'string') expect(message).toBe(said);
    else expect(message).toMatch(said);
    expect(message).not.toContain('secret');
  });
});

describe('the command that leads to a server', () => {
  const target: CommandTarget = { host: 'h.example', port: 22, username: 'me', name: 'given' };

  it('is a line or a list of words with its tokens replaced', () => {
    expect(expandCommand('nc %h %p %r %n 100%%', target)).toBe('nc h.example 22 me given 100%');
    expect(expandCommand(['nc', '%h', '%h:%p', '%%h'], target)).toEqual([
      'nc',
      'h.example',
      'h.example:22',
      '%h',
    ]);
  });

  it('knows no other token', () => {
    for (const text of ['%x', 'nc %', '%\n', ['nc', '%q']]) {
      expect(refusal(() => expandCommand(text, target))).toMatch(
        /^proxyCommand has "%.*"; it knows %h, %p, %r, %n and %%$/s,
      );
    }
  });

  it('has nothing in it that means more to a shell, or an option to a program', () => {
    const refused = (command: string | string[], given: Partial<CommandTarget>): string =>
      refusal(() => expandCommand(command, { ...target, ...given }));
    for (const value of ['a b', 'a;b', '$(x)', '`x`', "a'b", 'a"b', 'a\\b', 'a|b', 'a&b', 'a>b', '', '-x']) {
      for (const [token, given] of [
        ['%h', { host: value }],
        ['%n', { name: value }],
        ['%r', { username: value }],
      ] as const) {
        const option = token === '%r' ? 'username' : 'host';
        expect(refused(`x ${token}`, given)).toBe(
          `${option} has characters that are not safe in a proxyCommand: ${quotedText(value)}`,
        );
        // A program gets each word as it is.
        expect(refused(['x', token], given)).toBe(
          value.startsWith('-')
            ? `${option} has characters that are not safe in a proxyCommand: ${quotedText(value)}`
            : 'taken',
        );
        expect(refused('x', given)).toBe('taken');
      }
    }
    expect(refused('x %h', { host: 'fe80::1%eth0' })).toBe('taken');
  });

  it('is a command at all', () => {
    const { accepts } = proxyCommandRule;
    expect(['x', ' x', ['x'], ['x', '']].map(accepts)).toEqual([true, true, true, true]);
    expect(['', '  ', [], [''], ['', 'x'], ['x', 1], 5, {}].map(accepts)).toEqual(Array(8).fill(false));
  });
});
