/** Forwards as they are typed, ssh(1), -L, -R, -D and -W, and as a configuration has them. */
import { describe, expect, it } from 'vitest';
import {
  forwardOf,
  forwardSpecs,
  parseStdioForward,
  parseTypedForward,
} from '../../src/cli/remote/forwardSpecs.ts';
import { createResolveHost } from '../../src/config/resolveHost.ts';
import { nodeConfigPlatform } from '../../src/node/config/configPlatform.ts';
import { codeOf } from '../crypto/support.ts';

/** What a forward that is typed comes to by way of the configuration. */
async function forwarded(option: '-L' | '-R' | '-D', text: string, ...more: readonly string[]) {
  const { value, own } = parseTypedForward(option, text);
  const keyword = { '-L': 'LocalForward', '-R': 'RemoteForward', '-D': 'DynamicForward' }[option];
  const overrides = [...(value === undefined ? [] : [`${keyword}=${value}`]), ...more];
  const { forwards } = await createResolveHost(nodeConfigPlatform)('host', { files: 'none', overrides });
  return forwardSpecs(forwards, own === undefined ? [] : [own]);
}

const socket = { mode: 0o600, unlink: false };

const listening = { gatewayPorts: false, bindMask: 0o177, unlink: false };

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
    ['/tmp/s:db:5432', { path: '/tmp/s', ...socket }, { host: 'db', port: 5432 }],
    ['/tmp/s:/run/db.sock', { path: '/tmp/s', ...socket }, { path: '/run/db.sock' }],
    ['[/tmp/s]:[/run/a:b]', { path: '/tmp/s', ...socket }, { path: '/run/a:b' }],
  ])('%s', async (text, from, to) => {
    expect(await forwarded('-L', text)).toEqual([{ kind: 'local', from, to }]);
  });

  it('is for other machines with -g, unless it names an address', async () => {
    const open = 'GatewayPorts=yes';
    expect((await forwarded('-L', '8080:db:1', open))[0]?.from).toEqual({ host: '', port: 8080 });
    expect((await forwarded('-L', 'localhost:8080:db:1', open))[0]?.from).toEqual({
      host: 'localhost',
      port: 8080,
    });
    expect((await forwarded('-D', '1080', open))[0]?.from).toEqual({ host: '', port: 1080 });
  });

  it('makes a socket as StreamLocalBindMask and StreamLocalBindUnlink say', async () => {
    const [forward] = await forwarded(
      '-L',
      '/s:db:1',
      'StreamLocalBindMask=0117',
      'StreamLocalBindUnlink=yes',
    );
    expect(forward?.from).toEqual({ path: '/s', mode: 0o660, unlink: true });
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
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseTypedForward('-L', text))).toBe('ERR_SSH_OPTIONS');
    expect(codeOf(() => forwardOf('-L', text, listening))).toBe('ERR_SSH_OPTIONS');
  });
});

describe('a forward during a session', () => {
  it('listens as the configuration says', () => {
    const open = { gatewayPorts: true, bindMask: 0o077, unlink: true };
    const from = (option: '-L' | '-R' | '-D', text: string, settings: typeof open) =>
      forwardOf(option, text, settings).from;
    expect(from('-L', '8080:db:1', open)).toEqual({ host: '', port: 8080 });
    expect(from('-L', '8080:db:1', listening)).toEqual({ host: undefined, port: 8080 });
    expect(from('-L', 'localhost:8080:db:1', open)).toEqual({ host: 'localhost', port: 8080 });
    expect(from('-D', '1080', open)).toEqual({ host: '', port: 1080 });
    expect(from('-L', '/s:db:1', open)).toEqual({ path: '/s', mode: 0o700, unlink: true });
    // What the server listens on is the server's to say.
    expect(from('-R', '8080:db:1', open)).toEqual({ host: undefined, port: 8080 });
  });
});

describe('-R', () => {
  it.each([
    ['8080:web:80', { kind: 'remote', from: { host: undefined, port: 8080 }, to: { host: 'web', port: 80 } }],
    ['0:web:80', { kind: 'remote', from: { host: undefined, port: 0 }, to: { host: 'web', port: 80 } }],
    ['/tmp/s:/tmp/t', { kind: 'remote', from: { path: '/tmp/s' }, to: { path: '/tmp/t' } }],
    ['1080', { kind: 'remoteSocks', from: { host: undefined, port: 1080 } }],
    ['*:1080', { kind: 'remoteSocks', from: { host: '*', port: 1080 } }],
  ])('%s', async (text, forward) => {
    expect(await forwarded('-R', text)).toEqual([forward]);
    expect(forwardOf('-R', text, listening)).toEqual(forward);
  });
});

describe('-D and -W', () => {
  it('name a place', async () => {
    expect(await forwarded('-D', '1080')).toEqual([{ kind: 'socks', from: { host: undefined, port: 1080 } }]);
    expect(await forwarded('-D', '[::1]:1080')).toEqual([
      { kind: 'socks', from: { host: '::1', port: 1080 } },
    ]);
    expect(await forwarded('-D', '0')).toEqual([{ kind: 'socks', from: { host: undefined, port: 0 } }]);
    expect(parseStdioForward('inner:22')).toEqual({ host: 'inner', port: 22 });
    expect(parseStdioForward('[::1]:22')).toEqual({ host: '::1', port: 22 });
    expect(parseStdioForward('/run/s')).toEqual({ path: '/run/s' });
  });

  it.each(['', 'inner', 'inner:', ':22', 'inner:22:23', 'inner:0', 'inner:65536'])(
    '-W refuses %j',
    (text) => {
      expect(codeOf(() => parseStdioForward(text))).toBe('ERR_SSH_OPTIONS');
    },
  );
});
