/** Forwards as they are typed: ssh(1), -L, -R, -D and -W. */
import { describe, expect, it } from 'vitest';
import {
  parseDynamicForward,
  parseLocalForward,
  parseRemoteForward,
  parseStdioForward,
} from '../../src/cli/remote/forwardSpecs.ts';
import { codeOf } from '../crypto/support.ts';

describe('-L', () => {
  it.each([
    ['8080:db:5432', { host: undefined, port: 8080 }, { host: 'db', port: 5432 }],
    ['0:db:5432', { host: undefined, port: 0 }, { host: 'db', port: 5432 }],
    ['127.0.0.2:8080:db:5432', { host: '127.0.0.2', port: 8080 }, { host: 'db', port: 5432 }],
    ['*:8080:db:5432', { host: '*', port: 8080 }, { host: 'db', port: 5432 }],
    [':8080:db:5432', { host: '', port: 8080 }, { host: 'db', port: 5432 }],
    ['[::1]:8080:[2001:db8::1]:5432', { host: '::1', port: 8080 }, { host: '2001:db8::1', port: 5432 }],
    ['8080:/run/db.sock', { host: undefined, port: 8080 }, { path: '/run/db.sock' }],
    ['localhost:8080:/run/db.sock', { host: 'localhost', port: 8080 }, { path: '/run/db.sock' }],
    ['/tmp/s:db:5432', { path: '/tmp/s' }, { host: 'db', port: 5432 }],
    ['/tmp/s:/run/db.sock', { path: '/tmp/s' }, { path: '/run/db.sock' }],
  ])('%s', (text, from, to) => {
    expect(parseLocalForward(text, false)).toEqual({ kind: 'local', from, to });
  });

  it('is for other machines with -g, unless it names an address', () => {
    expect(parseLocalForward('8080:db:1', true).from).toEqual({ host: '', port: 8080 });
    expect(parseLocalForward('localhost:8080:db:1', true).from).toEqual({ host: 'localhost', port: 8080 });
    expect(parseDynamicForward('1080', true).from).toEqual({ host: '', port: 1080 });
  });

  it.each([
    '',
    '8080',
    '8080:db',
    'db:5432',
    '8080:db:0',
    '8080:db:99999',
    '99999:db:1',
    '1:2:3:4:5',
    '[::1:8080:db:1',
    '8080::1',
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseLocalForward(text, false))).toBe('ERR_SSH_OPTIONS');
  });
});

describe('-R', () => {
  it('has a target, or is a SOCKS proxy', () => {
    expect(parseRemoteForward('8080:web:80')).toEqual({
      kind: 'remote',
      from: { host: undefined, port: 8080 },
      to: { host: 'web', port: 80 },
    });
    expect(parseRemoteForward('/tmp/s:/tmp/t')).toEqual({
      kind: 'remote',
      from: { path: '/tmp/s' },
      to: { path: '/tmp/t' },
    });
    expect(parseRemoteForward('1080')).toEqual({
      kind: 'remoteSocks',
      from: { host: undefined, port: 1080 },
    });
    expect(parseRemoteForward('*:1080')).toEqual({ kind: 'remoteSocks', from: { host: '*', port: 1080 } });
  });
});

describe('-D and -W', () => {
  it('name a place', () => {
    expect(parseDynamicForward('1080', false)).toEqual({
      kind: 'socks',
      from: { host: undefined, port: 1080 },
    });
    expect(parseDynamicForward('[::1]:1080', false)).toEqual({
      kind: 'socks',
      from: { host: '::1', port: 1080 },
    });
    expect(parseStdioForward('inner:22')).toEqual({ host: 'inner', port: 22 });
    expect(parseStdioForward('/run/s')).toEqual({ path: '/run/s' });
  });

  it.each(['', 'inner', 'inner:', ':22', 'inner:22:23'])('-W refuses %j', (text) => {
    expect(codeOf(() => parseStdioForward(text))).toBe('ERR_SSH_OPTIONS');
  });
});
