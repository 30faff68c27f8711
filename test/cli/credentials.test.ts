/**
 * The command with certificates beside keys and with an agent, on a real sshd.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { startSshAgent } from '../support/agents.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { type CommandRun, runCommand } from '../support/cli/run.ts';
import {
  describeServer,
  makeOpenSshKey,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

describeServer(
  'the command',
  openSsh,
  (lab) => {
    let server: TestServer;
    let authority: string;
    const command = useBuiltCommand();
    const newHome = useHomes();
    beforeAll(async () => {
      authority = lab().newPath();
      makeOpenSshKey('ed25519', authority);
      server = await startOpenSsh(lab(), {
        hostKeys: ['ed25519'],
        userKeys: ['ed25519'],
        config: { TrustedUserCAKeys: `${authority}.pub` },
      });
    }, setupTimeout);

    const run = (
      home: Home,
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ): Promise<CommandRun> =>
      runCommand(command(), [...args, `${lab().account.name}@127.0.0.1:${server.port}`, 'echo', 'in'], {
        home,
        env,
      });

    it('finds the certificate beside the key, named or not', async () => {
      const home = newHome().knows(server);
      const path = home.at('id_ed25519');
      makeOpenSshKey('ed25519', path);
      expect((await run(home, [])).status).toBe(255);
      const sign = ['-q', '-s', authority, '-I', 'x', '-n', lab().account.name, `${path}.pub`];
      execFileSync('ssh-keygen', sign, { stdio: 'pipe' });
      for (const args of [[], ['-i', path]]) {
        expect(await run(home, args)).toMatchObject({ status: 0, stderr: '' });
      }
    });

    it('asks the agent that SSH_AUTH_SOCK names, and does not with -a', async () => {
      const home = newHome().knows(server);
      const agent = startSshAgent();
      try {
        agent.add('-q', lab().file(lab().userKeys.textOf('ed25519'), 0o600));
        const env = { SSH_AUTH_SOCK: agent.path };
        expect(await run(home, [], env)).toMatchObject({ status: 0, stderr: '' });
        expect((await run(home, ['-a'], env)).status).toBe(255);
        expect((await run(home, [])).status).toBe(255);
      } finally {
        agent.stop();
      }
    });

    it('lets programs on the server use the agent with -A, and only then', async () => {
      const home = newHome().knows(server);
      const agent = startSshAgent();
      try {
        agent.add('-q', lab().file(lab().userKeys.textOf('ed25519'), 0o600));
        const list = (...args: string[]): Promise<CommandRun> =>
          runCommand(command(), [...args, `${lab().account.name}@127.0.0.1:${server.port}`, 'ssh-add -l'], {
            home,
            env: { SSH_AUTH_SOCK: agent.path },
          });
        const forwarded = await list('-A');
        expect(forwarded).toMatchObject({ status: 0, stderr: '' });
        expect(forwarded.stdout.toString()).toContain(lab().userKeys.of('ed25519').fingerprint);
        expect((await list()).status).toBe(2);
        expect(await list('-A', '-a')).toMatchObject({
          status: 255,
          stderr: expect.stringContaining('-A and -a exclude each other'),
        });
      } finally {
        agent.stop();
      }
    });

    it('asks nobody for the passphrase of a named key that the agent holds', async () => {
      const home = newHome().knows(server);
      const agent = startSshAgent();
      try {
        const path = home.at('locked');
        copyFileSync(lab().userKeys.of('ed25519').path, path);
        agent.add('-q', lab().file(lab().userKeys.textOf('ed25519'), 0o600));
        execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-a', '1', '-f', path], {
          stdio: 'pipe',
        });
        expect(await run(home, ['-i', path], { SSH_AUTH_SOCK: agent.path })).toMatchObject({ status: 0 });
        expect(await run(home, ['-i', path])).toMatchObject({
          status: 255,
          stderr: expect.stringContaining('no terminal to ask on'),
        });
      } finally {
        agent.stop();
      }
    });
  },
  { programs: ['ssh-agent', 'ssh-add'] },
);
