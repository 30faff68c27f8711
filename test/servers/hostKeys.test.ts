/**
 * Whether a real server's host key is accepted: known_hosts as ssh-keygen
 * writes it, pins, verifiers of the caller.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import {
  acceptAnyHostKey,
  type ConnectOptions,
  connect,
  type HostKeyInfo,
  knownHosts,
  pinnedHostKey,
} from '../../src/entry/index.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

describeServer('a host key', openSsh, (lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startOpenSsh(lab(), { hostKeys: ['ed25519', 'ecdsa256', 'rsa'] });
  }, setupTimeout);

  const name = (): string => `[127.0.0.1]:${server.port}`;
  const line = (kind: 'ed25519' | 'ecdsa256' | 'rsa'): string => lab().hostKeys.of(kind).publicLine;

  /** Dials with the verifier and says by which algorithm the server proved itself. */
  async function dial(
    verifyHostKey: ConnectOptions['verifyHostKey'],
    more: ConnectOptions = {},
  ): Promise<string> {
    await using client = await connect({ ...server.options(more), verifyHostKey });
    return client.negotiated.hostKey;
  }

  it('in known_hosts is accepted', async () => {
    expect(await dial(knownHosts(lab().file(`${name()} ${line('ed25519')}\n`)))).toBe('ssh-ed25519');
  });

  it('in known_hosts is asked for, of all that the server has', async () => {
    expect(await dial(knownHosts(lab().file(`${name()} ${line('rsa')}\n`)))).toBe('rsa-sha2-512');
    expect(await dial(knownHosts(lab().file(`${name()} ${line('ecdsa256')}\n`)))).toBe('ecdsa-sha2-nistp256');
  });

  it('in known_hosts is found under a name that ssh-keygen hashed', async () => {
    const path = lab().file(`${name()} ${line('ed25519')}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', path], { stdio: 'ignore' });
    expect(readFileSync(path, 'utf8')).toMatch(/^\|1\|/);
    expect(await dial(knownHosts(path))).toBe('ssh-ed25519');
  });

  it('as ssh-keyscan collects it is accepted', async () => {
    const scanned = execFileSync('ssh-keyscan', ['-p', String(server.port), '127.0.0.1'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(await dial(knownHosts(lab().file(scanned)))).toBe('ssh-ed25519');
  });

  it('that is not in known_hosts is refused, with what to compare and what to do', async () => {
    const path = lab().file('');
    const dialled = dial(knownHosts(path));
    await expect(dialled).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_UNKNOWN',
      phase: 'keyExchange',
      origin: 'peer',
    });
    const message = await dialled.catch((error: Error) => error.message);
    for (const part of [name(), lab().hostKeys.of('ed25519').fingerprint, path, 'pinnedHostKey']) {
      expect(message).toContain(part);
    }
  });

  it('is refused before anything about the user is told', async () => {
    const asked: string[] = [];
    const password = (): string => {
      asked.push('password');
      return 'secret';
    };
    await expect(dial(knownHosts(lab().file('')), { password })).rejects.toMatchObject({
      phase: 'keyExchange',
    });
    expect(asked).toEqual([]);
    expect(server.process.recentLog).not.toContain(lab().account.name);
  });

  it('other than the one in known_hosts is refused, with the line that says so', async () => {
    const stranger = lab().userKeys.of('ed25519').publicLine;
    const path = lab().file(`# comment\n${name()} ${stranger}\n`);
    const dialled = dial(knownHosts(path));
    await expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_CHANGED', phase: 'keyExchange' });
    expect(await dialled.catch((error: Error) => error.message)).toContain(`${path}:2 (ssh-ed25519)`);
  });

  it('marked @revoked is refused, though it is known as well', async () => {
    const path = lab().file(`${name()} ${line('ed25519')}\n@revoked * ${line('ed25519')}\n`);
    const dialled = dial(knownHosts(path));
    await expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_REVOKED', phase: 'keyExchange' });
    expect(await dialled.catch((error: Error) => error.message)).toContain(`${path}:2`);
  });

  it('known under another port or host is unknown', async () => {
    for (const other of [`[127.0.0.1]:${server.port + 1}`, 'localhost', '[localhost]:22']) {
      const path = lab().file(`${other} ${line('ed25519')}\n`);
      await expect(dial(knownHosts(path))).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_UNKNOWN' });
    }
  });

  it('known under the host alone is known, as it is to the OpenSSH client', async () => {
    expect(await dial(knownHosts(lab().file(`127.0.0.1 ${line('ed25519')}\n`)))).toBe('ssh-ed25519');
  });

  it('cannot be looked up in a known_hosts file that cannot be read', async () => {
    await expect(dial(knownHosts(lab().folder))).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      phase: 'options',
      message: expect.stringContaining(lab().folder),
    });
  });

  it('is accepted by its pin and by no other', async () => {
    const { fingerprint } = lab().hostKeys.of('ed25519');
    expect(await dial(pinnedHostKey(fingerprint))).toBe('ssh-ed25519');
    const dialled = dial(pinnedHostKey(lab().userKeys.of('ed25519').fingerprint));
    await expect(dialled).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_NOT_PINNED',
      phase: 'keyExchange',
      origin: 'peer',
    });
    const message = await dialled.catch((error: Error) => error.message);
    for (const part of [name(), 'ssh-ed25519', fingerprint]) expect(message).toContain(part);
    // SSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE
    await expect
      .poll(() => server.process.recentLog)
      .toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:9:/);
  });

  it('is accepted unseen where that is asked for outright', async () => {
    expect(await dial(acceptAnyHostKey())).toBe('ssh-ed25519');
  });

  it("is the caller's to judge, and nothing but true accepts", async () => {
    const seen: HostKeyInfo[] = [];
    await dial(async (info) => {
      seen.push(info);
      return true;
    });
    expect(seen).toMatchObject([
      {
        host: '127.0.0.1',
        port: server.port,
        type: 'ssh-ed25519',
        fingerprint: lab().hostKeys.of('ed25519').fingerprint,
      },
    ]);
    const verdicts = [false, undefined, 'true', 1, Promise.resolve(false), {}];
    for (const verdict of verdicts) {
      await expect(dial(() => verdict as boolean)).rejects.toMatchObject({
        code: 'ERR_SSH_HOST_KEY_REJECTED',
        phase: 'keyExchange',
        origin: 'user',
      });
    }
  });

  it('is refused where the verifier fails, and the dial rejects with that failure', async () => {
    const failure = new Error('the database of keys is away');
    await expect(dial(() => Promise.reject(failure))).rejects.toBe(failure);
  });

  it('is told to the server as the reason of the end', async () => {
    await expect(dial(() => false)).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_REJECTED' });
    // SSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE
    await expect
      .poll(() => server.process.recentLog)
      .toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:9:/);
  });
});
