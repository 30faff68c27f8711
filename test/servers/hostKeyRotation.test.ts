/**
 * Host keys as OpenSSH announces and proves them, and trust on first use.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { connect, knownHosts, trustOnFirstUse } from '../../src/entry/index.ts';
import { KnownHosts } from '../../src/entry/keys.ts';
import {
  describeServer,
  keyTypes,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

describeServer('the host keys of a server', openSsh, (lab) => {
  let server: TestServer;
  const kinds = ['ed25519', 'ecdsa256', 'rsa'] as const;
  beforeAll(async () => {
    server = await startOpenSsh(lab(), { hostKeys: kinds });
  }, setupTimeout);

  const name = (): string => `[127.0.0.1]:${server.port}`;
  const line = (kind: (typeof kinds)[number]): string => `${name()} ${lab().hostKeys.of(kind).publicLine}\n`;
  const types = (path: string): string[] =>
    KnownHosts.parse(readFileSync(path)).entries.map(({ keyType }) => keyType);

  it('are all known after the first connection where one was, with update', async () => {
    const path = lab().file(line('ed25519'));
    const stranger = `${name()} ${lab().userKeys.of('ecdsa384').publicLine}\n`;
    const stale = lab().file(line('ed25519') + stranger);
    for (const [file, hash] of [
      [path, false],
      [stale, true],
    ] as const) {
      await using client = await connect({
        ...server.options(),
        verifyHostKey: knownHosts({ files: file, update: true, hash }),
      });
      await expect.poll(() => types(file).sort()).toEqual(kinds.map((kind) => keyTypes[kind]).sort());
      expect((await client.run('echo in')).stdout).toBe('in\n');
      for (const kind of kinds) {
        await using again = await connect({
          ...server.options(),
          verifyHostKey: knownHosts(file),
          algorithms: { hostKey: [kind === 'rsa' ? 'rsa-sha2-256' : keyTypes[kind]] },
        });
        expect(again.inspect().phase).toBe('connection');
      }
    }
    expect(readFileSync(stale, 'utf8')).toMatch(/^\|1\|/m);
  });

  it('are all known under the port where the bare host vouched for one, and the next dial goes on', async () => {
    const bare = `127.0.0.1 ${lab().hostKeys.of('ed25519').publicLine}\n`;
    const path = lab().file(bare);
    for (let time = 0; time < 2; time++) {
      await using client = await connect({
        ...server.options(),
        verifyHostKey: knownHosts({ files: path, update: true }),
      });
      await expect.poll(() => types(path)).toHaveLength(4);
      expect(readFileSync(path, 'utf8').startsWith(bare)).toBe(true);
      await client.run('true');
    }
    expect(types(path).slice(1).sort()).toEqual(kinds.map((kind) => keyTypes[kind]).sort());
  });

  it('of types that algorithms.hostKey leaves out are neither learnt nor kept', async () => {
    const path = lab().file(line('ed25519') + line('rsa'));
    await using client = await connect({
      ...server.options(),
      algorithms: { hostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256'] },
      verifyHostKey: knownHosts({ files: path, update: true }),
    });
    await expect.poll(() => types(path)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256']);
    await client.run('true');
  });

  it('stay what they were without update', async () => {
    const path = lab().file(line('ed25519'));
    await using client = await connect({ ...server.options(), verifyHostKey: knownHosts(path) });
    await client.run('echo in');
    expect(readFileSync(path, 'utf8')).toBe(line('ed25519'));
  });

  it('are trusted on first use, and from then on have to be the same', async () => {
    const path = lab().newPath();
    for (let time = 0; time < 2; time++) {
      await using client = await connect({
        ...server.options(),
        verifyHostKey: trustOnFirstUse({ files: path }),
      });
      expect(client.inspect().phase).toBe('connection');
      expect(readFileSync(path, 'utf8')).toBe(line('ed25519'));
    }
    const other = await startOpenSsh(lab(), { hostKeys: ['ecdsa256'] });
    const moved = lab().file(readFileSync(path, 'utf8').replace(String(server.port), String(other.port)));
    await expect(
      connect({ ...other.options(), verifyHostKey: trustOnFirstUse({ files: moved }) }),
    ).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_CHANGED' });
    await other.stop();
  });
});
