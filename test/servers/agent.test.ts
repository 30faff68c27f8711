/**
 * Authentication by OpenSSH's own agent, with a real sshd.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, type Client, type ConnectOptions, connect, openAgent } from '../../src/entry/index.ts';
import { generateKey, parseCertificate, parsePrivateKey, parsePublicKey } from '../../src/entry/keys.ts';
import { startSshAgent, type TestAgent } from '../support/agents.ts';
import {
  describeServer,
  type KeyKind,
  keyKinds,
  keyTypes,
  makeOpenSshKey,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const needs = { programs: ['ssh-agent', 'ssh-add'] } as const;

describeServer(
  'an agent',
  openSsh,
  (lab) => {
    let server: TestServer;
    let agent: TestAgent;
    let authority: string;

    beforeAll(async () => {
      authority = lab().newPath();
      makeOpenSshKey('ed25519', authority);
      server = await startOpenSsh(lab(), { config: { TrustedUserCAKeys: `${authority}.pub` } });
      agent = startSshAgent();
    }, setupTimeout);
    afterAll(() => agent?.stop());
    afterEach(() => agent.add('-q', '-D'));

    /** Adds a copy, since ssh-add refuses files that others may read. */
    const give = (kind: KeyKind, ...args: string[]): void => {
      const path = lab().file(lab().userKeys.textOf(kind), 0o600);
      agent.add('-q', ...args, path);
    };
    const dial = (more: ConnectOptions = {}): Promise<Client> =>
      connect({ ...server.anonymous(), agent: agent.path, ...more });

    it.each(keyKinds)('signs with a key of kind %s', async (kind) => {
      give(kind);
      const debug: string[] = [];
      await using client = await dial({ onDebug: (line) => debug.push(line) });
      expect((await client.run('echo in')).stdout).toBe('in\n');
      expect(debug.join('\n')).toContain(`authenticated by publickey (${keyTypes[kind]} `);
      if (kind === 'rsa') expect(server.process.recentLog).toMatch(/RSA SHA256|ssh-rsa/i);
    });

    it('is tried key by key until one is the user’s', async () => {
      const stranger = lab().newPath();
      makeOpenSshKey('ed25519', stranger);
      agent.add('-q', stranger);
      give('ecdsa256');
      const debug: string[] = [];
      await using client = await dial({ onDebug: (line) => debug.push(line) });
      expect(client.inspect().phase).toBe('connection');
      expect(debug.filter((line) => line.startsWith('trying publickey'))).toHaveLength(2);
    });

    it('may be told which of its keys to use', async () => {
      const stranger = lab().newPath();
      const line = makeOpenSshKey('ed25519', stranger);
      agent.add('-q', stranger);
      give('ed25519');
      const only = (key: string): ConnectOptions => ({
        auth: [{ method: 'agent', agent: agent.path, keys: [parsePublicKey(key).publicKey] }],
      });
      await expect(dial(only(line))).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
      await using client = await dial(only(lab().userKeys.of('ed25519').publicLine));
      expect(client.inspect().phase).toBe('connection');
    });

    it('offers the certificates it holds', async () => {
      const path = lab().newPath();
      makeOpenSshKey('rsa', path);
      const sign = ['-q', '-s', authority, '-I', 'held', '-n', lab().account.name, `${path}.pub`];
      execFileSync('ssh-keygen', sign, { stdio: 'pipe' });
      agent.add('-q', path);
      await using client = await dial();
      expect(client.inspect().phase).toBe('connection');
      expect(server.process.recentLog).toContain('Accepted certificate ID "held"');
    });

    it('signs once more for a server that wants two keys', async () => {
      const strict = await startOpenSsh(lab(), {
        userKeys: ['ed25519', 'ecdsa256'],
        config: { AuthenticationMethods: 'publickey,publickey' },
      });
      give('ed25519');
      give('ecdsa256');
      await using client = await connect({ ...strict.anonymous(), agent: agent.path });
      expect((await client.run('echo in')).stdout).toBe('in\n');
      await strict.stop();
    });

    it('that is empty leaves the other credentials', async () => {
      const kept = await dial({ password: lab().account.password ?? '' }).catch((error: Error) => error);
      if (lab().account.password === undefined)
        expect(kept).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
      else {
        expect((kept as Client).inspect().phase).toBe('connection');
        await (kept as Client).close();
      }
      await expect(dial()).rejects.toMatchObject({
        code: 'ERR_SSH_AUTHENTICATION_FAILED',
        message: expect.stringContaining('agent (no key of use in it)'),
      });
    });

    it('is bound to the session: a key for other hosts signs nothing here, one for this host does', async () => {
      const known = lab().file(
        `${[`[127.0.0.1]:${server.port}`, 'elsewhere'].map((host, i) => `${host} ${i === 0 ? lab().hostKeys.of('ed25519').publicLine : makeOpenSshKey('ed25519', lab().newPath()).trim()}`).join('\n')}\n`,
      );
      give('ed25519', '-H', known, '-h', 'elsewhere');
      await expect(dial()).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
      agent.add('-q', '-D');
      give('ed25519', '-H', known, '-h', `[127.0.0.1]:${server.port}`);
      await using client = await dial();
      expect(client.inspect().phase).toBe('connection');
      expect(server.process.recentLog).not.toMatch(/error|mismatch/i);
    });

    describe('as a client of its own', () => {
      const using = async <T>(use: (opened: Agent) => Promise<T>): Promise<T> => {
        await using opened = openAgent(agent.path);
        return await use(opened);
      };

      it('is given keys and asked for them', async () => {
        const key = generateKey('ed25519');
        await using(async (opened) => {
          await opened.add(key, { comment: 'made here' });
          for (const kind of keyKinds) {
            await opened.add(parsePrivateKey(lab().userKeys.textOf(kind)).privateKey, { comment: kind });
          }
          const listed = await opened.identities();
          expect(listed.map(({ comment }) => comment)).toEqual(['made here', ...keyKinds]);
          expect(agent.add('-l').trim().split('\n')).toEqual(
            listed.map(({ fingerprint }) => expect.stringContaining(fingerprint)),
          );
          await opened.remove(key.publicKey);
          expect((await opened.identities()).map(({ comment }) => comment)).toEqual([...keyKinds]);
          await opened.removeAll();
          expect(await opened.identities()).toEqual([]);
        });
      });

      it('is given certificates', async () => {
        for (const kind of keyKinds) {
          const path = lab().newPath();
          makeOpenSshKey(kind, path);
          execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'x', '-n', 'u', `${path}.pub`], {
            stdio: 'pipe',
          });
          const certificate = readFileSync(`${path}-cert.pub`);
          await using(async (opened) => {
            await opened.add(parsePrivateKey(readFileSync(path)).privateKey, { certificate, comment: kind });
            const [listed] = (await opened.identities()).slice(-1);
            expect(listed?.type).toBe(parseCertificate(certificate).certificate.type);
          });
        }
        expect(agent.add('-l').trim().split('\n')).toHaveLength(keyKinds.length);
      });

      it('forgets a key after its lifetime', async () => {
        await using(async (opened) => {
          await opened.add(generateKey('ed25519'), { lifetime: 1, comment: 'short' });
          expect(await opened.identities()).toHaveLength(1);
          await expect.poll(async () => (await opened.identities()).length, { timeout: 10_000 }).toBe(0);
          await expect(opened.add(generateKey('ed25519'), { lifetime: 0 })).rejects.toMatchObject({
            code: 'ERR_SSH_OPTIONS',
          });
        });
      });

      it('refuses what it does not hold with a typed error, and goes on', async () => {
        await using(async (opened) => {
          const { publicKey } = generateKey('ed25519');
          await expect(opened.remove(publicKey)).rejects.toMatchObject({
            code: 'ERR_SSH_AGENT',
            message: 'the agent refused SSH_AGENTC_REMOVE_IDENTITY',
          });
          expect(opened.isOpen).toBe(true);
          expect(await opened.identities()).toEqual([]);
        });
      });
    });

    it('asks its user before a key is used that it was given so', async () => {
      const asked = lab().newPath();
      const program = lab().file(`#!/bin/sh\necho "$1" > ${asked}\nexit 0\n`, 0o755);
      const careful = startSshAgent([], {
        SSH_ASKPASS: program,
        SSH_ASKPASS_REQUIRE: 'force',
        DISPLAY: ':0',
      });
      try {
        await using opened = openAgent(careful.path);
        const key = parsePrivateKey(lab().userKeys.textOf('ed25519')).privateKey;
        await opened.add(key, { confirm: true, comment: 'with care' });
        writeFileSync(asked, '');
        await using client = await dial({ agent: careful.path });
        expect(client.inspect().phase).toBe('connection');
        expect(readFileSync(asked, 'utf8')).toMatch(/Allow use of key/);
      } finally {
        careful.stop();
      }
    });
  },
  needs,
);
