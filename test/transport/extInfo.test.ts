/** What a peer announces is read by whoever it is for, and held only as far as it can mean anything. */
import { describe, expect, it } from 'vitest';
import { noExtensions, readExtensions } from '../../src/transport/extInfo.ts';
import { quirksOf } from '../../src/transport/quirks.ts';

const announced = (extensions: Readonly<Record<string, string>>) => ({
  extensions: Object.entries(extensions).map(([extensionName, value]) => ({
    extensionName,
    extensionValue: new Uint8Array(Buffer.from(value)),
  })),
});

describe('extensions', () => {
  it('of a server are read by a client', () => {
    const message = announced({
      'server-sig-algs': 'ssh-ed25519,rsa-sha2-256',
      'ping@openssh.com': '0',
      'publickey-hostbound@openssh.com': '0',
      'unknown@example.org': 'x',
    });
    expect(readExtensions(message)).toEqual({
      serverSigAlgs: ['ssh-ed25519', 'rsa-sha2-256'],
      ping: true,
      publickeyHostbound: true,
    });
    expect(readExtensions(announced({ 'ping@openssh.com': '1' }))).toEqual(noExtensions);
    expect(readExtensions(announced({ 'server-sig-algs': '' })).serverSigAlgs).toEqual([]);
    const openssh74 = quirksOf('OpenSSH_7.4');
    expect(readExtensions(announced({ 'server-sig-algs': 'x' }), openssh74).serverSigAlgs).toContain('x');
  });

  it('of a client are nothing to a server but for ping', () => {
    const message = announced({
      'server-sig-algs': 'ssh-ed25519',
      'publickey-hostbound@openssh.com': '0',
      'ping@openssh.com': '0',
    });
    expect(readExtensions(message, undefined, 'server')).toEqual({ ...noExtensions, ping: true });
  });

  it('name a bounded number of algorithms, each no longer than names are', () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `x${index}`);
    const { serverSigAlgs = [] } = readExtensions(announced({ 'server-sig-algs': names.join(',') }));
    expect(serverSigAlgs).toEqual(names.slice(0, 512));
    const long = readExtensions(announced({ 'server-sig-algs': `${'x'.repeat(65)},ssh-ed25519` }));
    expect(long.serverSigAlgs).toEqual(['ssh-ed25519']);
  });
});
