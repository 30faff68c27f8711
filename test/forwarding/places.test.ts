/** Places as callers name them: what is taken, and what an error says. */
import { describe, expect, it } from 'vitest';
import { checkListen, checkListenThere, checkTarget, placeText } from '../../src/forwarding/places.ts';

describe('a place', () => {
  it('takes an IPv6 address with the brackets that people write, and without', () => {
    for (const host of ['::1', '[::1]']) {
      expect(checkListen('the place', { host, port: 80 }, 'localhost')).toEqual({ host: '::1', port: 80 });
      expect(checkTarget('the target', { host, port: 80 })).toEqual({ host: '::1', port: 80 });
    }
    expect(placeText({ host: '::1', port: 80 })).toBe('[::1]:80');
    // Brackets are for addresses.
    for (const host of ['[db]', '[::1', '[]']) {
      expect(checkTarget('the target', { host, port: 80 })).toEqual({ host, port: 80 });
    }
  });

  it('takes a path of 107 bytes, in whatever letters, and none that is longer', () => {
    for (const path of [`/${'x'.repeat(106)}`, `/${'ä'.repeat(53)}`]) {
      expect(checkListen('the place', { path }, '')).toEqual({ path });
      expect(checkTarget('the target', { path })).toEqual({ path });
    }
    for (const path of [`/${'x'.repeat(107)}`, `/${'ä'.repeat(53)}x`, '/'.repeat(5_000)]) {
      const error = expect.objectContaining({
        code: 'ERR_SSH_OPTIONS',
        message: expect.stringContaining(`${Buffer.byteLength(path)} bytes; a unix socket takes 107`),
      });
      expect(() => checkListen('the place', { path }, '')).toThrow(error);
      expect(() => checkTarget('the target', { path })).toThrow(error);
    }
  });

  it('takes ports and modes up to their bounds', () => {
    expect(checkListen('the place', { port: 0 }, 'localhost')).toEqual({ host: 'localhost', port: 0 });
    expect(checkListen('the place', { port: 65_535 }, 'localhost').port).toBe(65_535);
    expect(checkTarget('the target', { host: 'db', port: 1 }).port).toBe(1);
    for (const mode of [0, 0o777])
      expect(checkListen('it', { path: '/s', mode }, '')).toEqual({ path: '/s', mode });
    expect(checkListen('it', { path: '/s', unlink: false }, '')).toEqual({ path: '/s', unlink: false });
    // An option that is not given may be there as `undefined`.
    expect(checkListen('it', { path: undefined, host: undefined, port: 5 }, 'h')).toEqual({
      host: 'h',
      port: 5,
    });
  });

  it('of the server takes nothing that only this machine could obey', () => {
    expect(checkListenThere('from', { port: 0 })).toEqual({ host: 'localhost', port: 0 });
    expect(checkListenThere('from', { path: '/s', mode: undefined })).toEqual({ path: '/s' });
    for (const [name, value] of [
      ['mode', 0o666],
      ['unlink', true],
      ['unlink', false],
    ] as const) {
      expect(() => checkListenThere('from', { path: '/s', [name]: value })).toThrow(
        expect.objectContaining({
          code: 'ERR_SSH_OPTIONS',
          message: expect.stringContaining(`from.${name} is for a socket of this machine`),
        }),
      );
    }
  });

  it.each([
    [undefined, 'must be { host, port } or { path }, not undefined'],
    [null, 'must be { host, port } or { path }, not null'],
    [[8080], 'must be { host, port } or { path }, not an array'],
    [8080, 'must be { host, port } or { path }, not 8080'],
    [{}, 'port must be a whole number from 0 to 65535, not undefined'],
    [{ port: -1 }, 'port must be a whole number from 0 to 65535, not -1'],
    [{ port: 65_536 }, 'port must be a whole number from 0 to 65535, not 65536'],
    [{ port: 1.5 }, 'port must be a whole number from 0 to 65535, not 1.5'],
    [{ port: '80' }, 'port must be a whole number from 0 to 65535, not the string "80"'],
    [{ host: 7, port: 80 }, 'host must be a string, not 7'],
    [{ host: 'a b', port: 80 }, 'host has a space or a control character in it'],
    [{ host: 'a\x1bb', port: 80 }, 'host has a space or a control character in it'],
    [{ host: 'a\x7fb', port: 80 }, 'host has a space or a control character in it'],
    [{ host: 'h'.repeat(1_025), port: 80 }, 'host has 1025 characters; it may have 1024'],
    [{ adress: '::1', port: 80 }, 'there is no option "from.adress"; it takes host, port'],
    [{ hots: '::1', port: 80 }, 'did you mean from.host?'],
    [{ path: '' }, 'path must be a string that is not empty, not an empty string'],
    [{ path: 5 }, 'path must be a string that is not empty, not 5'],
    [{ path: '/a\0b' }, 'path has a NUL character in it'],
    [{ path: '/s', port: 5 }, 'there is no option "from.port"'],
    [{ path: '/s', mode: 0o1777 }, 'mode must be a whole number from 0 to 0o777, not 1023'],
    [{ path: '/s', mode: -1 }, 'mode must be a whole number from 0 to 0o777, not -1'],
    [{ path: '/s', unlink: 'yes' }, 'unlink must be true or false, not the string "yes"'],
  ])('to listen on is not %j', (place, message) => {
    const thrown = expect.objectContaining({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining(message),
    });
    expect(() => checkListen('from', place, 'localhost')).toThrow(thrown);
  });

  it.each([
    [{ port: 80 }, 'host must be a string that is not empty, not undefined'],
    [{ host: '', port: 80 }, 'host must be a string that is not empty, not an empty string'],
    [{ host: 'db', port: 0 }, 'port must be a whole number from 1 to 65535, not 0'],
    [{ host: 'db' }, 'port must be a whole number from 1 to 65535, not undefined'],
    [{ path: '/s', mode: 0o600 }, 'there is no option "to.mode"; it takes path'],
  ])('to connect to is not %j', (place, message) => {
    const thrown = expect.objectContaining({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining(message),
    });
    expect(() => checkTarget('to', place)).toThrow(thrown);
  });
});
