/** What is asked of this machine and its user: agent, home, names, addresses, services. */
import { readFileSync } from 'node:fs';
import { networkInterfaces, userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import { userAgentPath } from '../../src/node/agentPath.ts';
import { interfaceAddress, nodeFacts } from '../../src/node/config/configFacts.ts';
import { posixNameProblem, windowsNameProblem } from '../../src/node/files/localNames.ts';
import { homeFolder } from '../../src/node/homeFolder.ts';

const { platform } = process;
beforeEach(() => {
  vi.stubEnv('HOME', process.env['HOME']);
  vi.stubEnv('SSH_AUTH_SOCK', process.env['SSH_AUTH_SOCK']);
});
afterEach(() => {
  vi.unstubAllEnvs();
  Object.defineProperty(process, 'platform', { value: platform });
});

describe('the agent of the user', () => {
  it('is where the environment says, or where that of Windows always is', () => {
    for (const system of ['linux', 'win32']) {
      Object.defineProperty(process, 'platform', { value: system });
      process.env['SSH_AUTH_SOCK'] = '/run/agent';
      expect(userAgentPath()).toBe('/run/agent');
      const elsewhere = system === 'win32' ? '\\\\.\\pipe\\openssh-ssh-agent' : undefined;
      process.env['SSH_AUTH_SOCK'] = '';
      expect(userAgentPath()).toBe(elsewhere);
      delete process.env['SSH_AUTH_SOCK'];
      expect(userAgentPath()).toBe(elsewhere);
    }
  });
});

describe('the home folder', () => {
  it('is an absolute path, or none', () => {
    process.env['HOME'] = '/home/somebody';
    expect(homeFolder()).toBe('/home/somebody');
    for (const relative of ['home', './home', '.']) {
      process.env['HOME'] = relative;
      expect(homeFolder()).toBeUndefined();
    }
  });
});

describe('the facts of a configuration', () => {
  const facts = nodeFacts();
  const linesOf = (path: string): readonly string[] => readFileSync(path, 'utf8').split('\n');

  it('know the user and the home of everybody', () => {
    expect([facts.userName, facts.userId]).toEqual([userInfo().username, userInfo().uid]);
    process.env['HOME'] = '/home/somebody';
    expect(facts.homes(undefined)).toBe('/home/somebody');
    const users = linesOf('/etc/passwd').map((line) => line.split(':'));
    expect(users.length).toBeGreaterThan(5);
    for (const [name = '', , , , , home = ''] of users)
      if (name !== '') expect([name, facts.homes(name)]).toEqual([name, home === '' ? undefined : home]);
    for (const name of ['nobody-of-that-name', 'roo', 'root:x']) expect(facts.homes(name)).toBeUndefined();
  });

  it('know the environment, and what a text is in SHA-1', () => {
    process.env['SSH_AUTH_SOCK'] = 'x';
    expect([facts.variables('SSH_AUTH_SOCK'), facts.variables('NO_SUCH_VARIABLE')]).toEqual(['x', undefined]);
    expect(facts.sha1('abc')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
  });

  it('know the addresses of the machine, and one of each interface', () => {
    const all = networkInterfaces();
    expect(facts.localAddresses()).toEqual(
      Object.values(all).flatMap((some) => (some ?? []).map(({ address }) => address)),
    );
    expect(facts.localAddresses()).toContain('127.0.0.1');
    for (const [name, addresses = []] of Object.entries(all)) {
      const of = (family: string): string | undefined =>
        addresses.find((one) => one.family === family)?.address;
      expect(interfaceAddress(name, 4)).toBe(of('IPv4'));
      expect(interfaceAddress(name, 6)).toBe(of('IPv6'));
      expect(interfaceAddress(name, undefined)).toBe(of('IPv4') ?? of('IPv6'));
    }
    expect(interfaceAddress('no-such-interface', undefined)).toBeUndefined();
  });

  it('know the port of a service over TCP by each of its names', () => {
    const known = new Map<string, number>();
    for (const line of linesOf('/etc/services')) {
      const [name = '', place = '', ...others] = (line.split('#')[0] ?? '').trim().split(/\s+/);
      if (!place.endsWith('/tcp')) continue;
      for (const each of [name, ...others]) if (!known.has(each)) known.set(each, Number.parseInt(place, 10));
    }
    expect(known.get('ssh')).toBe(22);
    for (const [name, port] of known) expect([name, facts.services(name)]).toEqual([name, port]);
    // One that is there for UDP alone, and what is no name of any.
    for (const name of ['tftp', '', '22', '22/tcp', 'no-such-service', '#'])
      expect(facts.services(name)).toBe(known.get(name));
    expect(facts.services('')).toBeUndefined();
  });
});

describe('a name that a server lists', () => {
  it('is none where it leads elsewhere', () => {
    const rows: readonly (readonly [string, boolean, boolean])[] = [
      ['a', true, true],
      ['.a', true, true],
      ['..a', true, true],
      ['...', true, false],
      ['a..', true, false],
      ['a.', true, false],
      ['a ', true, false],
      [' a', true, true],
      ['', false, false],
      ['.', false, false],
      ['..', false, false],
      ['a/b', false, false],
      ['/', false, false],
      ['a\0', false, false],
      ['\0', false, false],
      ['a\\b', true, false],
      ['c:', true, false],
      ['a:b', true, false],
      ['a<', true, false],
      ['a?', true, false],
      ['a\x1f', true, false],
      ['a\x7f', true, true],
      ['CON', true, false],
      ['con.txt', true, false],
      ['console', true, true],
      ['lpt1', true, false],
      ['lpt', true, true],
      ['com²', true, false],
      ['ümlaut', true, true],
    ];
    for (const [name, posix, windows] of rows) {
      expect([name, posixNameProblem(utf8Encode(name)) === undefined]).toEqual([name, posix]);
      expect([name, windowsNameProblem(utf8Encode(name)) === undefined]).toEqual([name, windows]);
    }
    // `.x` and `x.` where x is one byte.
    for (let byte = 1; byte < 256; byte++) {
      const isFree = byte !== 0x2f;
      expect(posixNameProblem(Uint8Array.of(byte)) === undefined).toBe(isFree && byte !== 0x2e);
      expect(posixNameProblem(Uint8Array.of(0x2e, byte)) === undefined).toBe(isFree && byte !== 0x2e);
      expect(posixNameProblem(Uint8Array.of(byte, 0x2e)) === undefined).toBe(isFree && byte !== 0x2e);
      expect(posixNameProblem(Uint8Array.of(0x2e, 0x2e, byte)) === undefined).toBe(isFree);
    }
    expect(posixNameProblem(Uint8Array.of(0xff))).toBeUndefined();
    expect(windowsNameProblem(Uint8Array.of(0xff))).toBe('it is not UTF-8, as names of Windows have to be');
  });
});
