/**
 * OpenSSH's programs on a real server, at an agent on this side.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/entry/index.ts';
import { startSshAgent, type TestAgent } from '../support/agents.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

describeServer(
  'a forwarded agent',
  openSsh,
  (lab) => {
    let server: TestServer;
    let agent: TestAgent;
    beforeAll(async () => {
      server = await startOpenSsh(lab(), { hostKeys: ['ed25519'] });
      agent = startSshAgent();
      agent.add('-q', lab().file(lab().userKeys.textOf('ed25519'), 0o600));
    }, setupTimeout);
    afterAll(() => agent?.stop());

    const dial = (): Promise<Client> => server.connect({ agent: agent.path });

    it('is listed there by commands that were given it, one after the other', async () => {
      await using client = await dial();
      expect((await client.run('echo "[$SSH_AUTH_SOCK]"')).stdout).toBe('[]\n');
      for (let time = 0; time < 2; time++) {
        const listed = await client.run('ssh-add -l', { forwardAgent: true });
        expect(listed).toMatchObject({ code: 0, stderr: '' });
        expect(listed.stdout).toContain(lab().userKeys.of('ed25519').fingerprint);
      }
    });

    it('signs for a login from there, with the hosts on the way bound', async () => {
      const known = lab().file(`[127.0.0.1]:${server.port} ${lab().hostKeys.of('ed25519').publicLine}\n`);
      const options = `-o BatchMode=yes -o UserKnownHostsFile=${known} -o IdentitiesOnly=no -F none`;
      await using client = await dial();
      const { stdout, stderr, code } = await client.run(
        `ssh ${options} -p ${server.port} ${lab().account.name}@127.0.0.1 echo nested`,
        { forwardAgent: true },
      );
      expect({ stdout, code, stderr }).toEqual({ stdout: 'nested\n', code: 0, stderr: '' });
    });

    describe('with keys that are for some ways only', () => {
      let second: TestServer;
      let third: TestServer;
      let known: string;

      beforeAll(async () => {
        second = await startOpenSsh(lab(), { hostKeys: ['ecdsa256'] });
        third = await startOpenSsh(lab(), { hostKeys: ['ecdsa384'] });
        const hops = [
          [server, 'ed25519'],
          [second, 'ecdsa256'],
          [third, 'ecdsa384'],
        ] as const;
        known = lab().file(
          hops
            .map(([{ port }, kind]) => `[127.0.0.1]:${port} ${lab().hostKeys.of(kind).publicLine}\n`)
            .join(''),
        );
      }, setupTimeout);

      const named = ({ port }: TestServer): string => `[127.0.0.1]:${port}`;
      const ssh = (to: TestServer, command: string): string =>
        `ssh -A -F none -o BatchMode=yes -o IdentitiesOnly=no -o UserKnownHostsFile=${known} -p ${to.port} ${lab().account.name}@127.0.0.1 ${command}`;

      /** What a command on the first server prints, with a key that may be used on these ways. */
      async function along(ways: readonly string[], command: string): Promise<string> {
        const limited = startSshAgent();
        try {
          const key = lab().file(lab().userKeys.textOf('ed25519'), 0o600);
          limited.add('-q', '-H', known, ...ways.flatMap((way) => ['-h', way]), key);
          await using client = await server.connect({ agent: limited.path, privateKey: undefined });
          return (await client.run(command, { forwardAgent: true })).stdout;
        } finally {
          limited.stop();
        }
      }

      it('signs at the second hop where the way there is allowed', async () => {
        const ways = [named(server), `${named(server)}>${named(second)}`];
        expect(await along(ways, ssh(second, 'echo nested'))).toBe('nested\n');
      });

      it('signs at the third hop', async () => {
        const ways = [named(server), `${named(server)}>${named(second)}`, `${named(second)}>${named(third)}`];
        const command = ssh(second, `'${ssh(third, 'echo deeply nested')}'`);
        expect(await along(ways, command)).toBe('deeply nested\n');
      });

      it('signs nothing where it is not', async () => {
        expect(await along([named(server)], ssh(second, 'echo nested'))).toBe('');
        const elsewhere = [named(server), `${named(server)}>${named(third)}`];
        expect(await along(elsewhere, ssh(second, 'echo nested'))).toBe('');
        expect(await along(elsewhere, ssh(third, 'echo nested'))).toBe('nested\n');
      });
    });

    it('keeps its keys: nothing there can add or remove one', async () => {
      await using client = await dial();
      expect((await client.run('ssh-add -D', { forwardAgent: true })).code).not.toBe(0);
      expect((await client.run('ssh-add -x </dev/null', { forwardAgent: true })).code).not.toBe(0);
      expect(agent.add('-l')).toContain(lab().userKeys.of('ed25519').fingerprint);
    });

    it('is out of reach once the command has ended', async () => {
      await using client = await dial();
      const { stdout } = await client.run('echo "$SSH_AUTH_SOCK"', { forwardAgent: true });
      expect(stdout.trim()).toMatch(/^\//);
      // sshd keeps its socket as long as the connection lasts; nobody answers behind it.
      // An agent without keys would be told of on stdout.
      const reached = await client.run(`SSH_AUTH_SOCK=${stdout.trim()} ssh-add -l`);
      expect(reached.stdout).toBe('');
      expect(reached.code).not.toBe(0);
    });

    it('serves several programs at once', async () => {
      await using client = await dial();
      const { stdout } = await client.run('for i in 1 2 3 4 5 6; do ssh-add -l & done; wait', {
        forwardAgent: true,
      });
      expect(stdout.trim().split('\n')).toHaveLength(6);
    });

    it('that a server does not take, or that is not there, is an error', async () => {
      const strict = await startOpenSsh(lab(), {
        hostKeys: ['ed25519'],
        config: { AllowAgentForwarding: 'no' },
      });
      await using refused = await strict.connect({ agent: agent.path });
      await expect(refused.run('echo in', { forwardAgent: true })).rejects.toMatchObject({
        code: 'ERR_SSH_REQUEST_FAILED',
      });
      await using none = await server.connect({ agent: `${agent.path}-not` });
      expect((await none.run('ssh-add -l', { forwardAgent: true })).code).not.toBe(0);
      await refused.close();
      await strict.stop();
    });
  },
  { programs: ['ssh-agent', 'ssh-add', 'ssh'] },
);
