/**
 * known_hosts beside ssh itself: what this library writes ssh connects with, and
 * of what anybody writes both make the same.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { hostname } from 'node:os';
import { beforeAll, expect, it } from 'vitest';
import { type ConnectOptions, connect, knownHosts, trustOnFirstUse } from '../../src/entry/index.ts';
import { type LookupHost, lineOf, lookups } from '../keys/lookups.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';
import { pathOf } from '../support/servers/programs.ts';

describeServer(
  'known_hosts',
  openSsh,
  (lab) => {
    let server: TestServer;
    beforeAll(async () => {
      server = await startOpenSsh(lab(), { hostKeys: ['ed25519'] });
    }, setupTimeout);

    /** What ssh says of the host key: that it is trusted, or why not. */
    async function askSsh(path: string, more: readonly string[] = []): Promise<string> {
      const key = lab().userKeys.of('ed25519').path;
      const options = [
        'BatchMode=yes',
        'StrictHostKeyChecking=yes',
        'UpdateHostKeys=no',
        'CheckHostIP=no',
        'LogLevel=INFO',
        'GlobalKnownHostsFile=none',
        `UserKnownHostsFile=${path}`,
        'IdentitiesOnly=yes',
        `IdentityFile=${key}`,
        ...more,
      ].flatMap((option) => ['-o', option]);
      const target = `${lab().account.name}@127.0.0.1`;
      const child = spawn(
        pathOf('ssh'),
        ['-F', 'none', '-p', String(server.port), ...options, target, 'echo in'],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => (said += String(chunk)));
      await new Promise((resolve) => child.once('close', resolve));
      if (said.includes('in\n')) return 'trusted';
      if (/REVOKED|revoked/.test(said)) return 'revoked';
      // It says so too where it has been asked for a key of a type that the server has not.
      if (/IDENTIFICATION HAS CHANGED/.test(said)) return 'changed';
      if (/No ED25519 host key is known/.test(said)) return 'unknown';
      return said;
    }

    /** Dials, with what the dial was warned of. */
    async function dial(
      verifyHostKey: ConnectOptions['verifyHostKey'],
      more: ConnectOptions = {},
    ): Promise<readonly string[]> {
      const debug: string[] = [];
      const onDebug = (line: string): void => void debug.push(line);
      await using client = await connect({ ...server.options(more), verifyHostKey, onDebug });
      expect(client.inspect().phase).toBe('connection');
      return debug.filter((line) => line.startsWith('warning'));
    }

    it('means to ssh what it means here, row by row', async () => {
      const line = (kind: 'ed25519' | 'rsa' | 'ecdsa384'): string =>
        lab().userKeys.of(kind).publicLine.split(' ').slice(0, 2).join(' ');
      const host: LookupHost = {
        host: '127.0.0.1',
        port: server.port,
        key: lab().hostKeys.of('ed25519').publicLine.split(' ').slice(0, 2).join(' '),
        others: [line('rsa'), line('ecdsa384')],
      };
      for (const { what, lines, result } of lookups) {
        const path = lab().file(lines.map((each) => `${lineOf(each, host)}\n`).join(''));
        expect(await askSsh(path), what).toBe(result);
        const outcome = await dial(knownHosts(path)).then(
          () => 'trusted',
          (error: { readonly code: string }) => error.code.replace('ERR_SSH_HOST_KEY_', '').toLowerCase(),
        );
        expect(outcome, what).toBe(result);
      }
    }, 120_000);

    it('as it is written on first use lets ssh in, hashed or not', async () => {
      for (const hash of [false, true]) {
        const path = lab().newPath();
        expect(await dial(trustOnFirstUse({ files: path, hash }))).toEqual([]);
        expect(readFileSync(path, 'utf8')).toMatch(hash ? /^\|1\|/ : /^\[127\.0\.0\.1\]:/);
        expect(await askSsh(path)).toBe('trusted');
        expect(await askSsh(path, ['HostKeyAlias=elsewhere.example'])).toBe('unknown');
      }
    });

    it('pins an address under one spelling, however it is given', async () => {
      const path = lab().newPath();
      for (const host of ['127.1', '0x7f.0.0.1', '2130706433', '127.0.0.1'])
        expect(await dial(trustOnFirstUse({ files: path }), { host })).toEqual([]);
      expect(readFileSync(path, 'utf8').match(/\n/g)).toHaveLength(1);
      expect(await askSsh(path)).toBe('trusted');
    });

    it('pins a name that is not ASCII, and no other with it', async () => {
      for (const hash of [false, true]) {
        const path = lab().newPath();
        const policy = trustOnFirstUse({ files: path, hash });
        const stream = (): ConnectOptions['stream'] => connectTcp(server.port, '127.0.0.1');
        // Written as Latin-1 the first was `**.com`, and the second nothing that could be found again.
        for (const host of ['تت.com', 'пример.рф', 'تت.com']) {
          expect(await dial(policy, { host, port: 22, stream: stream() })).toEqual([]);
        }
        expect(readFileSync(path, 'utf8').match(/\n/g)).toHaveLength(2);
        for (const alias of ['xn--pgba.com', 'xn--e1afmkfd.xn--p1ai'])
          expect(await askSsh(path, [`HostKeyAlias=${alias}`])).toBe('trusted');
        for (const alias of ['any.com', '**.com', '127.0.0.1'])
          expect(await askSsh(path, [`HostKeyAlias=${alias}`])).toBe('unknown');
        const dialling = dial(knownHosts(path), { host: 'any.com', port: 22, stream: stream() });
        await expect(dialling).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_UNKNOWN' });
      }
    }, 60_000);

    it('that another program has locked costs a login a part of its time, and the key is not kept', async () => {
      const path = lab().newPath();
      writeFileSync(`${path}.lock`, `${process.pid} ${hostname()} somebody\n`);
      const warnings = await dial(trustOnFirstUse({ files: path }), {
        timeout: 10_000,
        timeouts: { lock: 100 },
      });
      expect(warnings).toEqual([
        expect.stringMatching(/\[127\.0\.0\.1\]:\d+ is accepted, and could not be kept .*\.lock/),
      ]);
      expect(() => readFileSync(path)).toThrow('ENOENT');
    });
  },
  { programs: ['ssh'] },
);
