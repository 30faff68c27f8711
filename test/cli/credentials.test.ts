/**
 * The command with certificates beside keys and with an agent, on a real sshd.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, rmSync } from 'node:fs';
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
import { pathOf } from '../support/servers/programs.ts';

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

    it('leaves a certificate beside the key aside that cannot be read, says so, and uses the key', async () => {
      const home = newHome().knows(server);
      const path = home.write('id_ed25519', lab().userKeys.textOf('ed25519'));
      for (const [content, why] of [
        ['', 'empty'],
        ['ssh-ed25519-cert-v01@openssh.com AAAA', 'malformed'],
        [`${lab().userKeys.of('ed25519').publicLine}\n`, 'public key'],
      ] as const) {
        home.write('id_ed25519-cert.pub', content);
        for (const args of [[], ['-i', path]]) {
          const { status, stderr } = await run(home, args);
          expect(status).toBe(0);
          expect(stderr).toContain(`CertificateFile ${home.at('id_ed25519-cert.pub')} is not used: `);
          expect(stderr).toContain(why);
        }
      }
    });

    it('warns of a certificate that is for another key, and uses the key', async () => {
      const home = newHome().knows(server);
      home.write('id_ed25519', lab().userKeys.textOf('ed25519'));
      const other = lab().newPath();
      makeOpenSshKey('ed25519', other);
      execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'x', '-n', 'y', `${other}.pub`], {
        stdio: 'pipe',
      });
      home.write('id_ed25519-cert.pub', readFileSync(`${other}-cert.pub`, 'utf8'));
      const { status, stderr } = await run(home, []);
      expect(status).toBe(0);
      expect(stderr).toMatch(
        /^deadline-ssh: warning: the certificate "x" \(serial 0\) is left aside: it is for none of .*\n$/,
      );
      expect((await run(home, ['-v'])).stderr).toMatch(/warning: the certificate "x"/);
    });

    it('offers certificates of CertificateFile, in their order, for a key that only the agent holds', async () => {
      const home = newHome().knows(server);
      const path = lab().newPath();
      makeOpenSshKey('ed25519', path);
      const [refused, accepted] = ['nobody', lab().account.name].map((principal) => {
        execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', principal, '-n', principal, `${path}.pub`], {
          stdio: 'pipe',
        });
        return home.write(`${principal}.crt`, readFileSync(`${path}-cert.pub`, 'utf8'));
      });
      rmSync(`${path}-cert.pub`);
      const agent = startSshAgent();
      try {
        agent.add('-q', path);
        const env = { SSH_AUTH_SOCK: agent.path };
        const named = (file: string | undefined): string[] => ['-o', `CertificateFile=${file}`];
        expect((await run(home, [], env)).status).toBe(255);
        expect((await run(home, named(refused), env)).status).toBe(255);
        expect(await run(home, [...named(refused), ...named(accepted)], env)).toMatchObject({
          status: 0,
          stderr: '',
        });
        const only = ['-o', 'PubkeyAcceptedAlgorithms=ssh-ed25519', ...named(accepted)];
        expect((await run(home, only, env)).status).toBe(255);
      } finally {
        agent.stop();
      }
    });

    it('gives a key of a file to the agent where AddKeysToAgent says so', async () => {
      const home = newHome().knows(server);
      const path = home.write('id_ed25519', lab().userKeys.textOf('ed25519'));
      const agent = startSshAgent();
      try {
        const env = { SSH_AUTH_SOCK: agent.path };
        const held = (): string => spawnSync('ssh-add', ['-l'], { env, encoding: 'utf8' }).stdout;
        expect((await run(home, [], env)).status).toBe(0);
        expect(held()).toContain('no identities');
        expect((await run(home, ['-o', 'AddKeysToAgent=1h'], env)).status).toBe(0);
        expect(held()).toContain(path);
      } finally {
        agent.stop();
      }
    });

    it('asks the agent that SSH_AUTH_SOCK names, and does not with -a', async () => {
      const home = newHome().knows(server);
      const agent = startSshAgent();
      try {
        agent.add('-q', lab().file(lab().userKeys.textOf('ed25519'), 0o600));
        const env = { SSH_AUTH_SOCK: agent.path };
        expect(await run(home, [], env)).toMatchObject({ status: 0, stderr: '' });
        expect((await run(home, ['--no-agent'], env)).status).toBe(255);
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
        // As with ssh, the last of the two counts.
        expect((await list('-A', '-a')).status).toBe(2);
        expect((await list('-a', '-A')).status).toBe(0);
      } finally {
        agent.stop();
      }
    });

    it('takes the key whose public half is named from the agent, before all others there', async () => {
      const home = newHome().knows(server);
      const agent = startSshAgent();
      try {
        for (const kind of ['rsa', 'ecdsa256', 'ed25519'] as const) {
          agent.add('-q', lab().file(lab().userKeys.textOf(kind), 0o600));
        }
        const env = { SSH_AUTH_SOCK: agent.path };
        const publicFile = home.write('only.pub', `${lab().userKeys.of('ed25519').publicLine} me\n`);
        for (const name of [publicFile, home.at('only')]) {
          const { status, stderr } = await run(home, ['-vv', '-i', name], env);
          expect(status).toBe(0);
          const tried = stderr.split('\n').filter((line) => line.includes('trying'));
          expect(tried).toHaveLength(1);
          expect(tried[0]).toContain(`${lab().userKeys.of('ed25519').fingerprint}`);
          expect(tried[0]).toContain('from the agent');
        }
        expect((await run(home, ['--no-agent', '-i', publicFile], env)).status).toBe(255);
        expect(await run(home, ['-i', home.at('none')])).toMatchObject({
          status: 255,
          stderr: expect.stringContaining(`the key file ${home.at('none')} is not there`),
        });
      } finally {
        agent.stop();
      }
    });

    it('does not use a private key that others may read, as ssh does not', async () => {
      const home = newHome().knows(server);
      const path = home.write('id_ed25519', lab().userKeys.textOf('ed25519'));
      const bySsh = (): number | null =>
        spawnSync(
          pathOf('ssh'),
          [
            ...['-F', 'none', '-o', 'BatchMode=yes', '-o', `UserKnownHostsFile=${home.at('known_hosts')}`],
            ...[
              '-o',
              'IdentitiesOnly=yes',
              '-o',
              'IdentityAgent=none',
              '-i',
              path,
              '-p',
              String(server.port),
            ],
            `${lab().account.name}@127.0.0.1`,
            'true',
          ],
          { env: { PATH: process.env['PATH'], HOME: home.path }, stdio: 'ignore' },
        ).status;
      for (const [mode, status] of [
        [0o600, 0],
        [0o640, 255],
        [0o604, 255],
        [0o400, 0],
      ] as const) {
        chmodSync(path, mode);
        for (const args of [[], ['-i', path]]) {
          const result = await run(home, args);
          expect([mode, result.status]).toEqual([mode, status]);
          if (status === 0) expect(result.stderr).toBe('');
          else
            expect(result.stderr).toContain(
              `${path} is not used: others may read it (mode 0${mode.toString(8)})`,
            );
        }
        expect([mode, bySsh()]).toEqual([mode, status]);
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
          stderr: expect.stringContaining('its passphrase was not given'),
        });
      } finally {
        agent.stop();
      }
    });
  },
  { programs: ['ssh', 'ssh-agent', 'ssh-add'] },
);
