/** `deadline-ssh keyscan`: which hosts and types are asked for, and the lines that are printed. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeyscanArguments,
  parseHostLine,
  parseKeyscanArguments,
} from '../../src/cli/keyscan/keyscanArguments.ts';
import { formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { runHere } from '../support/cli/inProcess.ts';
import { ClosedPort } from '../support/closedPort.ts';

const keys = [generateKey('ed25519'), generateKey('ecdsa', { bits: 256 })] as const;
const [ed25519 = '', ecdsa = ''] = keys.map((key) => formatPublicKey(key.publicKey).trim());
let server: SshServer;
let port = 0;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-keyscan-'));
  server = await createServer({
    hostKeys: [...keys],
    authentication: { none: () => true },
    algorithms: 'compatible',
  });
  ({ port } = await server.listen());
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const scan = (...argv: readonly string[]) => runHere('keyscan', argv);
const lines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();

describe('a scan', () => {
  it('prints a line of known_hosts for each type of key, and who says so', async () => {
    const { status, out, said } = await scan('-p', String(port), '127.0.0.1');
    expect(status).toBe(0);
    expect(lines(out)).toEqual([`[127.0.0.1]:${port} ${ecdsa}`, `[127.0.0.1]:${port} ${ed25519}`].sort());
    expect(new Set(lines(said))).toEqual(new Set([expect.stringMatching(/^# 127\.0\.0\.1:\d+ SSH-2\.0-/)]));
  });

  it('asks for the types that are named, once each, and for no other', async () => {
    const { status, out } = await scan('-q', '-t', 'ed25519,ssh-ed25519', `127.0.0.1:${port}`);
    expect([status, out]).toEqual([0, `[127.0.0.1]:${port} ${ed25519}\n`]);
    // A type that the host has no key of is no fault of the host.
    expect(await scan('-t', 'rsa', `127.0.0.1:${port}`)).toEqual({ status: 1, out: '', said: '' });
  });

  it('takes hosts from files, with names to print for them', async () => {
    const file = join(folder, 'hosts');
    writeFileSync(file, `# a list\n\n127.0.0.1:${port} web,db # behind it\n`);
    const { status, out } = await scan('-q', '-t', 'ed25519', '-f', file);
    expect([status, out]).toEqual([0, `[web]:${port},[db]:${port} ${ed25519}\n`]);
    writeFileSync(file, '127.0.0.1\na b:c:d\n:::x:\n');
    const bad = await scan('-f', file);
    expect([bad.status, bad.out]).toEqual([255, '']);
    expect(bad.said).toMatch(new RegExp(`^deadline-ssh: ${file}:3: `));
    expect((await scan('-f', join(folder, 'none'))).said).toMatch(/^deadline-ssh: .*none: ENOENT/);
  });

  it('hides names with -H, each in a line of its own', async () => {
    const file = join(folder, 'names');
    writeFileSync(file, `127.0.0.1:${port} web.test,db.test\n`);
    const { out } = await scan('-q', '-H', '-t', 'ed25519', '-f', file);
    const known = KnownHosts.parse(Buffer.from(out));
    expect(known.entries).toHaveLength(2);
    const [, base64 = ''] = ed25519.split(' ');
    for (const name of ['web.test', 'db.test']) {
      expect(known.lookup(name, port, Buffer.from(base64, 'base64')).result).toBe('trusted');
    }
    expect(out).not.toContain('.test');
  });

  it('prints SSHFP records with -D', async () => {
    const blob = Buffer.from(ed25519.split(' ')[1] ?? '', 'base64');
    const digest = (hash: string): string => createHash(hash).update(blob).digest('hex');
    const { out, said } = await scan('-D', '-t', 'ed25519', `127.0.0.1:${port}`);
    expect(out).toBe(
      `127.0.0.1 IN SSHFP 4 1 ${digest('sha1')}\n127.0.0.1 IN SSHFP 4 2 ${digest('sha256')}\n`,
    );
    expect(said).toMatch(/^; 127\.0\.0\.1:\d+ SSH-2\.0-/);
    expect((await scan('-q', '-D', '-t', 'ecdsa', `127.0.0.1:${port}`)).out).toMatch(/ SSHFP 3 1 /);
  });

  it('says once of a host that nobody answers there, and goes on with the others', async () => {
    await using closed = await ClosedPort.hold();
    const { status, out, said } = await scan(
      '-t',
      'rsa,ed25519',
      `127.0.0.1:${closed.port}`,
      `127.0.0.1:${port}`,
    );
    expect([status, out]).toEqual([0, `[127.0.0.1]:${port} ${ed25519}\n`]);
    expect(lines(said).filter((line) => line.includes(String(closed.port)))).toHaveLength(1);
    const quiet = await scan('-q', '-t', 'rsa,ed25519', `127.0.0.1:${closed.port}`);
    expect(quiet).toEqual({ status: 1, out: '', said: '' });
  });
});

describe('the command line of a scan', () => {
  const parsed = (...argv: readonly string[]): KeyscanArguments => {
    const args = parseKeyscanArguments(argv);
    if (args === 'help') throw new Error('no help was asked for');
    return args;
  };

  it('has the defaults of ssh-keyscan', () => {
    const args = parsed('h');
    expect(args).toMatchObject({
      hosts: [{ host: 'h', port: undefined, name: 'h' }],
      files: [],
      port: 22,
      timeout: 5_000,
      family: undefined,
      isHashed: false,
      isSshfp: false,
      isQuiet: false,
    });
    expect(args.algorithms.map(([first]) => first)).toEqual([
      'rsa-sha2-512',
      'ecdsa-sha2-nistp256',
      'ssh-ed25519',
      'sk-ecdsa-sha2-nistp256@openssh.com',
      'sk-ssh-ed25519@openssh.com',
    ]);
  });

  it('takes each option', () => {
    expect(parsed('-6', '-H', '-D', '-q', '-v', '-p', '2200', '-T', '7', '-f', 'a', '-f', '-')).toMatchObject(
      {
        family: 6,
        isHashed: true,
        isSshfp: true,
        isQuiet: true,
        port: 2200,
        timeout: 7_000,
        files: ['a', '-'],
        hosts: [],
      },
    );
    expect(parsed('-4', 'h').family).toBe(4);
    expect(parsed('-t', 'RSA, ed448', 'h').algorithms).toEqual([
      ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
      ['ssh-ed448'],
    ]);
    // No authority signs by SHA-1, and there are no certificates of Ed448.
    expect(parsed('-c', '-t', 'rsa,ed448,ed25519-sk', 'h').algorithms).toEqual([
      ['rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-256-cert-v01@openssh.com'],
      [],
      ['sk-ssh-ed25519-cert-v01@openssh.com'],
    ]);
  });

  it.each([
    [[], 'there is no host to scan'],
    [['-t', 'dsa', 'h'], 'there are rsa, ecdsa, ed25519'],
    [['-t', '', 'h'], 'there are rsa, ecdsa, ed25519'],
    [['-p', '0', 'h'], 'port'],
    [['-T', 'soon', 'h'], 'soon'],
  ])('is refused: %j', (argv, words) => {
    expect(() => parseKeyscanArguments(argv)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS', message: expect.stringContaining(words) }),
    );
  });

  it.each([
    ['a', [{ host: 'a', port: undefined, name: 'a' }]],
    [
      'a,b:2200 names,more',
      [
        { host: 'a', port: undefined, name: 'names,more' },
        { host: 'b', port: 2200, name: 'names,more' },
      ],
    ],
    ['  [::1]:22\tsix # comment', [{ host: '::1', port: 22, name: 'six' }]],
    ['# comment', []],
    ['', []],
  ])('has hosts in a line: %j', (line, hosts) => {
    expect(parseHostLine(line)).toEqual(hosts);
  });
});
